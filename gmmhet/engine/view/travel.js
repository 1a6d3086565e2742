// A path through latent space, and the molecule along it.
class Travel {
  constructor(landscape, panes) {
    Object.assign(this, {landscape, panes, points: [], file: "", frames: [], run: null});
  }

  // text: of points.csv; file: its name in the result.
  set(text, file) {
    const [head, ...rows] = text.trim().split("\n").map(line => line.split(","));
    const modes = head.filter(name => /^latent\d+$/.test(name)).length;
    this.points = rows.map(row => row.slice(0, modes).map(Number));
    this.file = file;
    this.frames = [];
    this.landscape.path = this.points;
    this.landscape.refresh();
    if (this.changed) this.changed();
  }

  async go(index) {
    const point = this.points[index];
    if (!this.frames[index]) {
      const at = point.map((z, k) => `${k + 1}:${z}`).join(",");
      const found = await packed("/api/shape?at=" + at);
      this.frames[index] = {volume: asVolume(found), about: liveAbout(found.about)};
    }
    this.index = index;
    const {volume, about} = this.frames[index];
    this.landscape.point = point;
    this.landscape.refresh();
    this.panes.set(this.panes.live, volume, about);
    if (this.moved) this.moved(index);
    if (this.shown) this.shown();
  }

  get playing() { return this.run !== null; }

  stop() { this.run = null; }

  // Forth and back until it is stopped; each frame is shown for some milliseconds at least.
  async play(once = false) {
    const run = this.run = {}, order = this.points.map((_, i) => i);
    if (!once) order.push(...order.slice(1, -1).reverse());
    try {
      for (let k = 0; this.run === run; k = (k + 1) % order.length) {
        const started = performance.now();
        await this.go(order[k]);
        await new Promise(done => setTimeout(done, Math.max(10, 110 - (performance.now() - started))));
        if (once && k === order.length - 1) this.stop();
      }
    } finally {
      if (this.run === run) this.stop();
    }
  }

  // The pass along the path as WebM, recorded from the picture of the molecule.
  async record() {
    const live = this.panes.live, canvas = make("canvas", {width: 640, height: 640}), c = canvas.getContext("2d");
    const copy = () => {  // with the caption, in a size that does not change
      live.picture.draw();
      const from = live.canvas, scale = Math.min(640 / from.width, 600 / from.height);
      c.fillStyle = "#fff";
      c.fillRect(0, 0, 640, 640);
      c.drawImage(from, (640 - from.width * scale) / 2, 40 + (600 - from.height * scale) / 2, from.width * scale, from.height * scale);
      c.fillStyle = "#1f2933";
      c.font = "18px system-ui, sans-serif";
      c.fillText(live.caption.innerText.replace("\n", "; "), 14, 26);
    };
    const kind = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"]
      .find(k => window.MediaRecorder && MediaRecorder.isTypeSupported(k));
    if (!kind || !canvas.captureStream) throw new Error(WORDS.no_recorder);
    for (let i = 0; i < this.points.length; i++) await this.go(i);  // so that no frame waits while it is recorded
    const recorder = new MediaRecorder(canvas.captureStream(30), {mimeType: kind, videoBitsPerSecond: 6e6}), parts = [];
    recorder.ondataavailable = e => parts.push(e.data);
    const ended = new Promise(done => { recorder.onstop = done; });
    copy();
    recorder.start();
    this.shown = copy;
    await this.play(true);
    this.shown = null;
    recorder.stop();
    await ended;
    saveBlob(new Blob(parts, {type: "video/webm"}), "movie.webm");
  }
}

function liveAbout(about) {
  const place = about.point.slice(0, 6).map(v => v.toFixed(2).replace("-", "\u2212")).join(", ");
  return {title: `model at ${place}`, note: about.words, warn: !about.populated, point: about.point};
}
