// What runs beside the page, and the commands that repeat it.
class Commands {
  constructor(list) {
    this.list = list;
    this.waiting = new Map();
    this.known = "";
    this.list.append(make("li", {textContent: WORDS.no_commands, className: "hint"}));
  }

  // Start an action; the promise ends with the job when it is done.
  async run(asked) {
    const job = await post("/api/job", asked);
    const ended = new Promise((done, failed) => this.waiting.set(job.number, {done, failed}));
    this.poll();
    return ended;
  }

  async poll() {
    if (this.polling) { this.soon = true; return; }
    this.polling = true;
    try {
      do {
        this.soon = false;
        const jobs = await get("/api/jobs");
        this.show(jobs);
        for (const job of jobs) {
          const ended = this.waiting.get(job.number);
          if (!ended || job.state === "waiting" || job.state === "running") continue;
          this.waiting.delete(job.number);
          if (job.state === "done") ended.done(job);
          else ended.failed(new Error(`${job.label}: ${job.state === "failed" ? job.line : WORDS[job.state]}`));
        }
        if (jobs.some(j => j.state === "running" || j.state === "waiting")) {
          await new Promise(done => setTimeout(done, 500));
          this.soon = true;
        }
      } while (this.soon);
    } catch (error) {
      for (const ended of this.waiting.values()) ended.failed(error);
      this.waiting.clear();
    } finally {
      this.polling = false;
    }
  }

  show(jobs) {
    const text = JSON.stringify(jobs);
    if (text === this.known || !jobs.length) return;
    this.known = text;
    this.list.replaceChildren(...jobs.map(job => {
      const words = make("div", {}, make("b", {textContent: job.label}), ` ${WORDS[job.state]} `,
        make("span", {className: job.state === "failed" ? "warning" : "hint", textContent: job.state === "done" ? "" : job.line}));
      const doing = make("div", {className: "do"});
      if (job.state === "running") {
        const bar = make("progress", {max: 1});
        if (job.share !== null) bar.value = job.share;
        bar.setAttribute("aria-label", job.label);
        const stop = make("button", {textContent: "Stop"});
        stop.addEventListener("click", attempt(() => post("/api/stop", {number: job.number})));
        doing.append(bar, stop);
      }
      for (const name of Object.values(job.files)) {
        const button = make("button", {textContent: name.split("/").pop(), title: "Download " + name});
        button.addEventListener("click", attempt(() => download(name)));
        doing.append(button);
      }
      return make("li", {"data-number": job.number, "data-state": job.state}, words, doing, ...job.commands.map(c => make("code", {textContent: c})));
    }));
  }
}

// A command with a button that copies it.
function showCommand(element, text) {
  const copy = make("button", {textContent: "Copy"});
  copy.addEventListener("click", attempt(() => navigator.clipboard.writeText(text)));
  element.replaceChildren(make("code", {textContent: text}), copy);
}
