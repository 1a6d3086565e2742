// The page: what the controls do.
async function begin() {
  const about = await get("/api/about"), found = await packed("/api/points");
  const all = new Float32Array(found.data), n = about.count;
  const data = {count: n, modes: about.modes.length,
    columns: about.modes.map((_, k) => all.subarray(k * n, (k + 1) * n))};
  byId("name").textContent = about.name;
  byId("verdict").textContent = about.verdict || `${n.toLocaleString("en")} ${about.unit}`;
  const landscape = new Landscape(byId("landscape"), data), panes = new Panes(byId("panes"), about);
  const selection = new Selection(landscape, about), commands = new Commands(byId("jobs"));
  const travel = new Travel(landscape, panes);
  await panes.start();
  chooseModes(about, landscape, selection);
  const live = livePoint(about, landscape, panes, travel);
  colourPoints(about, landscape, selection);
  pickTools(landscape, selection, live);
  paintSurfaces(panes);
  const listed = await actOnPoint(about, landscape, panes, commands, live);
  selectParticles(about, landscape, selection, commands, listed);
  goPlaces(about, landscape, travel, commands);
  await live.show({0: 0}, false);
  commands.poll();
  document.body.dataset.ready = "yes";
}

function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", {value, textContent: text})));
  if (chosen !== undefined) select.value = chosen;
}

function chooseModes(about, landscape, selection) {
  const modes = about.modes.map((m, k) => [k, `mode ${m.number}${m.significant === false ? " (not significant)" : ""}`]);
  options(byId("across"), modes, 0);
  options(byId("up"), [...modes, ["count", "histogram"]], landscape.up === null ? "count" : landscape.up);
  const change = () => {
    landscape.across = Number(byId("across").value);
    landscape.up = byId("up").value === "count" || byId("up").value === byId("across").value ? null : Number(byId("up").value);
    if (landscape.up === null) byId("up").value = "count";
    landscape.stops = [];
    landscape.band = null;
    landscape.reset();
    selection.update();
    byId("sure-of").textContent = `standard deviations, mode ${landscape.across + 1}`;
  };
  byId("across").addEventListener("change", change);
  byId("up").addEventListener("change", change);
  byId("style").addEventListener("change", () => { landscape.style = byId("style").value; landscape.refresh(); });
  byId("whole").addEventListener("click", () => landscape.reset());
  byId("sure-of").textContent = "standard deviations, mode 1";
}

// The point that is shown: it follows the pointer, unless it is held. One request at a time, of the last place.
function livePoint(about, landscape, panes, travel) {
  const state = {held: false, next: null, busy: false, took: 0};
  const hint = () => { byId("hint").textContent = state.held ? WORDS.hold : WORDS.follow; };
  state.show = async (given, quick) => {
    state.next = {given, quick};
    if (state.busy) return;
    state.busy = true;
    const shown = panes.live.canvas.dataset;  // what is shown, for whoever watches from outside
    shown.busy = "yes";
    try {
      while (state.next) {
        const asked = state.next, started = performance.now();
        state.next = null;
        const at = Object.entries(asked.given).map(([k, v]) => `${Number(k) + 1}:${v.toFixed(4)}`).join(",");
        const found = await packed(`/api/shape?at=${at}${asked.quick ? "&quick=1" : ""}`);
        landscape.point = state.point = found.about.point;
        landscape.refresh();
        panes.set(panes.live, asVolume(found), liveAbout(found.about));
        panes.live.picture.draw();
        Object.assign(shown, {took: Math.round(performance.now() - started), at: found.about.point.join(","),
          fine: asked.quick ? "no" : "yes"});
        showCommand(byId("now"), `gmmhet map ${about.folder} --at=${found.about.point.join(",")} -o maps_here`);
      }
    } finally {
      state.busy = false;
      shown.busy = "no";
    }
  };
  const show = attempt(state.show);
  landscape.on("follow", (given, pressed) => {
    if (state.held && !pressed || travel.playing) return;
    show(given, true);
    clearTimeout(state.rest);
    state.rest = setTimeout(() => show(given, false), 150);
  });
  landscape.on("hold", given => {
    state.held = true;
    clearTimeout(state.rest);
    hint();
    show(given, false);
  });
  state.release = () => { state.held = false; hint(); };
  landscape.on("release", state.release);
  document.addEventListener("keydown", e => { if (e.key === "Escape") state.release(); });
  hint();
  return state;
}

function colourPoints(about, landscape, selection) {
  const select = byId("colour"), legend = byId("legend");
  options(select, [["", "their number"], ...about.columns.map(c => [c.name, c.label])]);
  const show = () => {
    const column = landscape.column;
    legend.replaceChildren();
    if (!column) return;
    if (column.categories) {
      column.categories.forEach((name, k) => {
        const spot = make("i");
        spot.style.background = `rgb(${PALETTE[k % PALETTE.length]})`;
        const button = make("button", {title: "Choose the particles of this value"}, spot, name);
        button.setAttribute("aria-pressed", "false");
        button.addEventListener("click", () => {
          selection.setCategory(column, k);
          for (const other of legend.children) other.setAttribute("aria-pressed", "false");
          button.setAttribute("aria-pressed", String(Boolean(selection.named)));
        });
        legend.append(button);
      });
      return;
    }
    legend.append(label(column.low), scaleBar(share => ramp(share)), label(column.high), ` ${column.label}`);
  };
  select.addEventListener("change", attempt(async () => {
    if (!select.value) landscape.column = null;
    else {
      const found = await packed("/api/column?name=" + encodeURIComponent(select.value));
      landscape.column = {...found.about, values: new Float32Array(found.data)};
    }
    if (landscape.up === null) landscape.histogram();
    landscape.refresh();
    show();
  }));
}

function scaleBar(colour) {
  const canvas = make("canvas", {width: 160, height: 1}), c = canvas.getContext("2d");
  for (let i = 0; i < 160; i++) {
    c.fillStyle = `rgb(${colour(i / 159).map(Math.round)})`;
    c.fillRect(i, 0, 1, 1);
  }
  return canvas;
}

function pickTools(landscape, selection, live) {
  const buttons = [...document.querySelectorAll("[data-tool]")];
  for (const button of buttons)
    button.addEventListener("click", () => {
      landscape.tool = button.dataset.tool;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      if (landscape.tool === "look") live.release();
    });
  landscape.on("lasso", polygon => selection.setLasso(polygon));
  landscape.on("range", band => selection.setRange(band));
}

function paintSurfaces(panes) {
  byId("level").addEventListener("input", () => { panes.level = Number(byId("level").value); panes.again(); });
  byId("paint").addEventListener("change", () => {
    panes.paint = byId("paint").value;
    panes.span = null;
    panes.again();
    const legend = byId("scale");
    legend.replaceChildren();
    if (panes.span)
      legend.append(panes.span.span[0], scaleBar(share => blend(panes.span.stops, share)), panes.span.span[1]);
    else if (panes.paint === "resolution") legend.append("choose a map of particles beside it: the model has no local resolution");
  });
}

async function actOnPoint(about, landscape, panes, commands, live) {
  const beside = byId("beside");
  let maps = [];
  const list = async () => {
    maps = await get("/api/maps");
    options(beside, [["", maps.length ? "choose a map" : "no maps of particles"], ...maps.map((m, k) => [k, m.file])]);
  };
  const show = async job => {
    await list();
    await panes.addFile(maps.find(m => m.file === job.files.map));
  };
  await list();
  beside.addEventListener("change", attempt(async () => {
    if (beside.value) await panes.addFile(maps[Number(beside.value)]);
    beside.value = "";
  }));
  byId("keep").addEventListener("click", attempt(async () => {
    const {volume, about: told} = panes.live;
    panes.set(panes.add("model"), volume, told);
  }));
  const button = byId("from-particles");
  button.addEventListener("click", attempt(async () => {
    await show(await commands.run({action: "particles", point: live.point}));
  }));
  const model = attempt(() => commands.run({action: "model", point: live.point}));
  byId("save").addEventListener("click", model);
  byId("chimerax").addEventListener("click", attempt(async () => {
    const job = await commands.run({action: "model", point: live.point});
    showCommand(byId("now"), `chimerax ${about.folder}/${job.files.script}`);
    await download(job.files.script);
  }));
  return show;
}

// show: what shows the map of a job.
function selectParticles(about, landscape, selection, commands, show) {
  const sure = byId("sure"), buttons = ["look-at", "export-star", "export-cs", "class-map"].map(byId);
  selection.changed = () => {
    byId("count").textContent = selection.any
      ? `${selection.count.toLocaleString("en")} of ${about.count.toLocaleString("en")} ${about.unit}` : WORDS.no_selection;
    for (const button of buttons) button.disabled = !selection.count;
    byId("pictures").replaceChildren();
  };
  sure.addEventListener("change", attempt(() => selection.setSure(Number(sure.value))));
  byId("clear").addEventListener("click", () => {
    sure.value = "";
    for (const button of byId("legend").querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
    selection.clear();
  });
  byId("export-cs").hidden = !about.cs;
  byId("look-at").addEventListener("click", attempt(() => showImages(byId("pictures"), Selection.rows(selection.mask))));
  const write = asked => attempt(() => commands.run({action: "export", ...selection.asked(), ...asked}));
  byId("export-star").addEventListener("click", write({format: "star"}));
  byId("export-cs").addEventListener("click", write({format: "cs"}));
  byId("class-map").addEventListener("click", attempt(async () => {
    await show(await commands.run({action: "export", ...selection.asked(), format: "star", map: true}));
  }));
  selection.changed();
}

function goPlaces(about, landscape, travel, commands) {
  const frame = byId("frame"), play = byId("play"), movies = [...document.querySelectorAll("[data-movie]")];
  const ask = attempt(async asked => {
    const job = await commands.run({action: "path", n: Number(byId("steps").value), ...asked});
    travel.set(await (await request("/api/file?name=" + encodeURIComponent(job.files.points))).text(), job.files.points);
  });
  byId("trace").addEventListener("click", () => ask({kind: "trace"}));
  byId("along").addEventListener("click", () => ask({kind: "mode", mode: landscape.across + 1}));
  byId("through").addEventListener("click", () => ask({kind: "points", stops: landscape.stops}));
  landscape.on("stops", () => {
    const full = stop => Array.isArray(stop) ? stop : about.modes.map((_, k) => k in stop ? stop[k] : landscape.point[k]);
    landscape.stops = landscape.stops.map(full);
    byId("through").disabled = landscape.stops.length < 2;
  });
  byId("through").disabled = true;
  byId("at").textContent = WORDS.no_path;
  travel.changed = () => {
    Object.assign(frame, {max: travel.points.length - 1, value: 0, disabled: false});
    for (const button of [play, byId("webm"), ...movies]) button.disabled = false;
    landscape.stops = [];
    byId("through").disabled = true;
    byId("at").textContent = `${travel.points.length} points`;
  };
  travel.moved = index => {
    frame.value = index;
    byId("at").textContent = `point ${index + 1} of ${travel.points.length}`;
  };
  frame.addEventListener("input", attempt(() => { travel.stop(); return travel.go(Number(frame.value)); }));
  const stopped = () => { play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); };
  play.addEventListener("click", attempt(async () => {
    if (travel.playing) { travel.stop(); return; }
    play.textContent = "Stop";
    play.setAttribute("aria-pressed", "true");
    try { await travel.play(); } finally { stopped(); }
  }));
  for (const button of movies)
    button.addEventListener("click", attempt(() => commands.run(
      {action: "movie", format: button.dataset.movie, of: byId("movie-of").value, points: travel.file})));
  byId("webm").addEventListener("click", attempt(() => travel.record()));
}

attempt(begin)();
