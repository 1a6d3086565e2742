// Requests to gmmhet view.
const WORDS = GIVEN.words;
const byId = id => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes))
    if (key in element) element[key] = value; else element.setAttribute(key, value);
  element.append(...children);
  return element;
}

async function request(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: body ? "POST" : "GET", body: body && JSON.stringify(body),
      headers: {"Authorization": "Bearer " + GIVEN.token, "Content-Type": "application/json"}});
  } catch (_) {
    throw new Error(WORDS.lost);
  }
  if (!answer.ok) {
    const text = await answer.text();
    let told = text;
    try { told = JSON.parse(text).error; } catch (_) { /* plain text */ }
    throw new Error(told);
  }
  return answer;
}

const get = async path => (await request(path)).json();
const post = async (path, body) => (await request(path, body)).json();

// {about, data: ArrayBuffer} of an answer that holds a description and numbers.
async function packed(path, body) {
  const whole = await (await request(path, body)).arrayBuffer();
  const length = new DataView(whole).getUint32(0, true);
  return {about: JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, length))), data: whole.slice(4 + length)};
}

async function download(name) {
  const blob = await (await request("/api/file?name=" + encodeURIComponent(name))).blob();
  saveBlob(blob, name.split("/").pop());
}

function saveBlob(blob, name) {
  const link = make("a", {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Whatever goes wrong is said at the top, until something works again.
function attempt(work) {
  return async (...given) => {
    try {
      const found = await work(...given);
      byId("trouble").hidden = true;
      return found;
    } catch (error) {
      byId("trouble").textContent = error.message;
      byId("trouble").hidden = false;
    }
  };
}
