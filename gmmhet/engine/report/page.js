// Start: unpack what the page carries, build the pictures, and the small parts they share.
function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function button(row, text, act) {
  const made = make("button", {type: "button", textContent: text});
  made.addEventListener("click", act);
  row.append(made);
  return made;
}

function choice(row, text, options, act) {
  const label = make("label", {textContent: text + " "}), select = make("select", {});
  for (const option of options) select.append(make("option", {textContent: option}));
  select.addEventListener("change", act);
  label.append(select);
  if (options.length > 1) row.append(label);
  return select;
}

function box(row, text, checked, act) {
  const label = make("label", {}), input = make("input", {type: "checkbox", checked});
  input.addEventListener("change", act);
  label.append(input, " " + text);
  row.append(label);
  return input;
}

// Colour at share (0..1) of a ramp of [r, g, b].
function ramped(ramp, share) {
  const place = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const i = Math.min(Math.floor(place), ramp.length - 2), t = place - i;
  return [0, 1, 2].map(k => ramp[i][k] + t * (ramp[i + 1][k] - ramp[i][k]));
}

function showLegend(element, title, low, high, ramp) {
  const bar = make("span", {className: "bar"});
  bar.style.background = `linear-gradient(to right, ${ramp.map(c => `rgb(${c.join()})`).join()})`;
  const words = [title, short(low), short(high)].map(text => make("span", {textContent: text}));
  element.replaceChildren(words[0], words[1], bar, words[2]);
}

function short(value) {
  const extreme = Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-2);
  const text = extreme ? value.toExponential(1) : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

// Three grey pictures of the current map: slices through the molecule's middle, or projections; one greyscale a series.
class Slices {
  constructor(element, series) {
    this.series = series;
    this.row = make("div", {className: "slices"});
    const controls = make("div", {className: "controls"});
    this.what = choice(controls, "Grey pictures", ["slices through the middle", "projections"], () => this.draw());
    this.canvases = ["seen along z", "seen along y", "seen along x"].map(text => {
      const figure = make("figure", {}), canvas = make("canvas", {});
      figure.append(canvas, make("figcaption", {textContent: text}));
      this.row.append(figure);
      return canvas;
    });
    element.append(controls, this.row);
    this.brightest = null;
  }

  show(frame) {
    this.frame = frame;
    this.draw();
  }

  // One picture, rows from top to bottom (y or z upwards), as [width, height, values].
  picture(volume, along, project) {
    const [nz, ny, nx] = volume.shape, size = [nx, ny, nz], steps = [1, nx, nx * ny];
    const [u, v] = [[1, 2], [0, 2], [0, 1]][along], out = new Float32Array(size[u] * size[v]);
    const first = project ? 0 : Math.floor(size[along] / 2), last = project ? size[along] - 1 : first;
    for (let j = 0; j < size[v]; j++)
      for (let i = 0; i < size[u]; i++) {
        let sum = 0;
        for (let k = first; k <= last; k++) sum += volume.data[i * steps[u] + j * steps[v] + k * steps[along]];
        out[(size[v] - 1 - j) * size[u] + i] = sum;
      }
    return [size[u], size[v], out];
  }

  draw() {
    const project = this.what.selectedIndex === 1;
    if (project && !this.brightest) this.brightest = this.ends();
    this.canvases.forEach((canvas, index) => {
      const along = 2 - index, [width, height, values] = this.picture(this.series.volumes[this.frame], along, project);
      const [low, high] = project ? this.brightest[along] : [0, 255];
      Object.assign(canvas, {width, height});
      const context = canvas.getContext("2d"), image = context.createImageData(width, height);
      for (let i = 0; i < values.length; i++) {
        const grey = 255 * (values[i] - low) / (high - low);
        image.data.set([grey, grey, grey, 255], 4 * i);
      }
      context.putImageData(image, 0, 0);
    });
  }

  // Darkest and brightest projected value of the whole series, along x, y, z.
  ends() {
    return [0, 1, 2].map(along => {
      let low = Infinity, high = -Infinity;
      for (const volume of this.series.volumes)
        for (const value of this.picture(volume, along, true)[2]) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      return [low, Math.max(high, low + 1)];
    });
  }
}

async function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Kind(await new Response(plain).arrayBuffer());
}

async function unpackAll(data) {
  const g = data.gaussians;
  [g.position, g.radius] = [await unpack(g.position, Float32Array), await unpack(g.radius, Float32Array)];
  for (const c of data.colourings) c.values = await unpack(c.values, Float32Array);
  for (const field of data.fields) {
    field.position = await unpack(field.position, Float32Array);
    field.amplitude = await unpack(field.amplitude, Float32Array);
  }
  for (const mode of data.modes) {
    mode.position = await unpack(mode.position, Float32Array);
    mode.amplitude = await unpack(mode.amplitude, Float32Array);
    const [starts, ends] = [await unpack(mode.starts, Float32Array), await unpack(mode.ends, Float32Array)];
    mode.arrowMesh = arrowMesh(starts, ends, 0.012 * data.radius, [28, 33, 40]);
  }
  for (const series of Object.values(data.series)) {
    const volumes = [];
    for (const text of series.volumes) volumes.push({data: await unpack(text, Uint8Array), ...series.grid});
    series.volumes = volumes;
    series.levelByte = 255 * (series.level - series.low) / (series.high - series.low);
  }
  data.start = data.rotation.slice();
}

async function start() {
  const holders = [...document.querySelectorAll(".viewer")];
  if (!holders.length) return;
  try {
    const data = JSON.parse(document.getElementById("scene").textContent);
    await unpackAll(data);
    for (const holder of holders) {
      holder.querySelector(".waiting").remove();
      if (holder.dataset.kind === "molecule") new MoleculeView(holder, data);
      else new MovieView(holder, data);
    }
  } catch (error) {
    for (const holder of holders) {
      const note = holder.querySelector(".waiting");
      if (note) note.textContent = `Cannot be drawn (${error.message}); a browser from 2023 or later is needed.`;
    }
    throw error;
  }
}

start();
