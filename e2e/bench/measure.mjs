// What the scripts that are measured share. `ready` makes something ready to run, such as
// keys that are read once; `run` runs it n times one after the other, and answers with the
// last result and the processor time of all, in nanoseconds.
import { obey } from '../openid4vc/service.mjs';

export async function measure(operations) {
  const made = [];
  await obey({
    async ready({ operation, given }) {
      return { id: made.push(await operations[operation](given)) - 1 };
    },
    async run({ id, n }) {
      let out;
      const start = process.cpuUsage();
      for (let i = 0; i < n; i++) out = await made[id]();
      const { user, system } = process.cpuUsage(start);
      return { out, nanoseconds: 1000 * (user + system) };
    },
  });
}
