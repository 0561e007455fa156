// What the scripts that are measured share. An order comes as one line on standard
// input and is answered with one on standard output. `ready` makes something ready to
// run, such as keys that are read once; `run` runs it n times one after the other, and
// answers with the last result and the processor time of all, in nanoseconds.
import { createInterface } from 'node:readline';

export async function measure(operations) {
  const made = [];
  const orders = {
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
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const { order, ...rest } = JSON.parse(line);
    let answer;
    try {
      answer = await orders[order](rest);
    } catch (e) {
      answer = { message: String(e.message ?? e) };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}
