"use strict";
// Follows the state of one page, and offers the Digital Credentials API where
// the browser has it (OpenID4VP 1.0, Appendix A). Without it the links work.
(() => {
  const main = document.querySelector("main");
  const page = main.dataset.page;
  const state = document.getElementById("state");
  const ways = document.getElementById("ways");
  const browser = document.getElementById("browser");
  const words = { requested: "waiting", fetched: "fetched", answered: "answered", done: "done", expired: "expired" };
  let over = false;

  const tell = (word) => {
    const text = main.dataset[word];
    if (text && state.textContent !== text) state.textContent = text;
  };

  const show = (p) => {
    if (p.next) {
      over = true;
      location.assign(p.next);
      return;
    }
    tell(words[p.state]);
    if (p.state === "answered" || p.state === "done" || p.state === "expired") ways.hidden = true;
    if (p.state === "done" || p.state === "expired") over = true;
  };

  const ask = async () => {
    if (over) return;
    if (!document.hidden) {
      try {
        const r = await fetch(page + "/state", { credentials: "same-origin", cache: "no-store" });
        if (r.ok) show(await r.json());
        else if (r.status === 403 || r.status === 404 || r.status === 410) { over = true; tell("expired"); ways.hidden = true; }
      } catch (e) { /* the network comes back */ }
    }
    if (!over) setTimeout(ask, 2000);
  };

  const share = async () => {
    try {
      const c = await navigator.credentials.get({ mediation: "required", digital: { requests: JSON.parse(main.dataset.requests) } });
      const data = typeof c.data === "string" ? JSON.parse(c.data) : c.data;
      const r = await fetch(page + "/response", {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ protocol: c.protocol, data }),
      });
      if (!r.ok) throw new Error("refused");
      show(await r.json());
    } catch (e) {
      tell("failed");
    }
  };

  if (typeof DigitalCredential !== "undefined" && navigator.credentials) {
    browser.hidden = false;
    browser.querySelector("button").addEventListener("click", share);
  }
  setTimeout(ask, 2000);
})();
