/** Takes a video, sends it at once, and starts a job with what is wanted of it. */
import * as api from "../api.js";
import {left, size} from "../format.js";
import {classes, html, useEffect, useRef, useState} from "../html.js";
import {attempt} from "../notes.js";
import * as uploads from "../upload.js";
import {ANY_SHAPE, CAPTIONS, Choice, LAYOUTS, SHAPES} from "./choice.js";
import {Icon} from "./icon.js";

const START = {
  count: 5,
  shortest: 15,
  longest: 60,
  shape: "",
  layout: "LAYOUT_AUTO",
  captions: "",
  preset: "",
  keywords: "",
};
// Those that come with the suite; others are typed.
const PRESETS = ["default", "tiktok", "reels", "shorts", "facebook", "linkedin", "x", "square", "wide", "source"];

/** What a job is to do, as the API takes it. */
function spec(source, wanted) {
  const keywords = wanted.keywords
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);
  return {
    sourceUri: source.uri,
    title: source.title,
    count: wanted.count,
    durationMinS: wanted.shortest,
    durationMaxS: wanted.longest,
    ...(wanted.shape && {aspectRatio: wanted.shape}),
    layout: wanted.layout,
    preset: wanted.preset || "default",
    keywords,
    ...(wanted.captions && {captions: {style: wanted.captions}}),
    ...(source.transcript && {transcriptUri: source.transcript}),
  };
}

/** Where a video is dropped, chosen or named. */
export function Drop() {
  const [file, setFile] = useState(null);
  const [over, setOver] = useState(false);
  const input = useRef();
  if (file) return html`<${Making} file=${file} onClose=${() => setFile(null)} />`;
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files[0]) setFile(event.dataTransfer.files[0]);
  };
  return html`<section class=${classes("drop", over && "over")} aria-labelledby="drop-title"
      onDragOver=${(event) => {
        event.preventDefault();
        setOver(true);
      }} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
    <div class="art" aria-hidden="true"><i></i><i></i><i></i><i></i><i></i></div>
    <div>
      <h1 id="drop-title">Long video in, short clips out</h1>
      <p>Drop a video here. It stays on your own machines, and a broken upload goes on where it stopped.</p>
    </div>
    <div class="actions">
      <button type="button" class="button primary" onClick=${() => input.current.click()}><${Icon}
          name="up" />Choose a video</button>
      <button type="button" class="button" onClick=${() => setFile({path: ""})}>Name one on the server</button>
    </div>
    <input ref=${input} type="file" accept="video/*,audio/*,.mkv,.ts,.mxf" class="hidden" tabindex="-1"
        aria-label="A video file"
      onChange=${(event) => event.target.files[0] && setFile(event.target.files[0])} />
  </section>`;
}

/** Sends a file; says how far it is and, at the end, the name that a job takes. */
function useUpload(file) {
  const [state, setState] = useState({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    setState({sent: 0, total: file?.size || 0});
    if (!(file instanceof File)) return undefined;
    const begun_ms = performance.now();
    let [stop, first, over] = [null, null, false];
    const progress = (sent, total) => {
      first ??= sent; // what an earlier visit sent says nothing about the speed
      const pace = ((sent - first) / (performance.now() - begun_ms)) * 1000;
      setState({sent, total, left_s: pace > 0 ? (total - sent) / pace : null});
    };
    const done = (id) => setState({sent: file.size, total: file.size, uri: `upload:${id}`});
    const failed = (failure) => setState((before) => ({...before, failure: failure.message}));
    uploads.start(file, {progress, done, failed}).then((pause) => {
      stop = pause;
      if (over) pause();
    }, failed);
    return () => {
      over = true;
      stop?.();
    };
  }, [file, round]);
  return {...state, again: () => setRound((number) => number + 1)};
}

function Making({file, onClose}) {
  const local = !(file instanceof File);
  const [path, setPath] = useState("");
  const [text, setText] = useState(null);
  const [wanted, setWanted] = useState(START);
  const [asked, setAsked] = useState(false);
  const [sending, words] = [useUpload(file), useUpload(text)];
  const requestId = useRef(api.freshId());
  const uri = local ? path && `file://${path.split("/").map(encodeURIComponent).join("/")}` : sending.uri;
  const ready = uri && (!text || words.uri);
  useEffect(() => {
    if (!asked || !ready) return;
    const source = {uri, transcript: words.uri, title: local ? path.split("/").pop() : file.name};
    attempt(async () => {
      try {
        location.hash = `#/sessions/${(await api.create(spec(source, wanted), requestId.current)).id}`;
      } catch (failure) {
        if (api.refused(failure)) requestId.current = api.freshId();
        throw failure;
      }
    }).then((done) => done || setAsked(false));
  }, [asked, ready]);
  useEffect(() => {
    requestId.current = api.freshId(); // other wishes are another job
  }, [wanted, text, path]);
  const submit = (event) => {
    event.preventDefault();
    setAsked(true);
  };
  return html`<section class="making card" aria-labelledby="making-title">
    <header class="row"><h1 id="making-title">${local ? "A video on the server" : file.name}</h1>
      <button type="button" class="button quiet" onClick=${onClose} aria-label="Put it aside"><${Icon}
          name="close" /></button></header>
    <form onSubmit=${submit}>
      ${
        local
          ? html`<label class="field"><span>Path, in a folder that the suite may read</span>
          <input required autofocus pattern="/.+" title="an absolute path" placeholder="/videos/talk.mp4" value=${path}
              onInput=${(event) => setPath(event.target.value)} /></label>`
          : html`<${Sending} ...${sending} />`
      }
      <${Wanted} wanted=${wanted} onChange=${(changes) => setWanted({...wanted, ...changes})} onText=${setText} />
      ${words.failure && html`<p class="failure">${words.failure}</p>`}
      <div class="actions end">
        <button class="button primary"
            disabled=${asked}>${asked && !ready ? "Starts when all has arrived" : "Make clips"}</button>
      </div>
    </form>
  </section>`;
}

function Sending({sent = 0, total = 0, left_s, uri, failure, again}) {
  const share = total ? sent / total : 0;
  const told = failure ? `Stopped: ${failure}` : uri ? "All has arrived" : `${size(sent)} of ${size(total)}`;
  return html`<div class="sending">
    <progress class=${failure ? "bad" : ""} max="1" value=${share} aria-label="Upload"></progress>
    <p class="soft row"><span>${told}</span>
      ${failure && html`<button type="button" class="button small" onClick=${again}>Go on</button>`}
      ${!failure && html`<span>${uri ? size(total) : left(left_s)}</span>`}</p>
  </div>`;
}

function Wanted({wanted, onChange, onText}) {
  const number = (name) => (event) => onChange({[name]: Number(event.target.value)});
  const text = (name) => (event) => onChange({[name]: event.target.value});
  return html`<div class="wanted">
    <div class="numbers">
      <label class="field"><span>Clips</span><input type="number" min="1" max="100" required value=${wanted.count}
          onInput=${number("count")} /></label>
      <label class="field"><span>Shortest, s</span><input type="number" min="0.5" max=${wanted.longest} step="any"
          required value=${wanted.shortest} onInput=${number("shortest")} /></label>
      <label class="field"><span>Longest, s</span><input type="number" min=${wanted.shortest} max="3600" step="any"
          required value=${wanted.longest} onInput=${number("longest")} /></label>
      <label class="field"><span>Preset</span><input list="presets" placeholder="default" value=${wanted.preset}
          onInput=${text("preset")} />
        <datalist id="presets">${PRESETS.map((name) => html`<option key=${name} value=${name} />`)}</datalist></label>
    </div>
    <div class="choices">
      <${Choice} name="new-shape" legend="Shape" options=${[ANY_SHAPE, ...SHAPES]} value=${wanted.shape}
          onChange=${(shape) => onChange({shape})} />
      <${Choice} name="new-layout" legend="Layout" options=${LAYOUTS} value=${wanted.layout}
          onChange=${(layout) => onChange({layout})} />
      <${Choice} name="new-captions" legend="Captions" options=${CAPTIONS} value=${wanted.captions}
          onChange=${(captions) => onChange({captions})} />
    </div>
    <div class="pair">
      <label class="field"><span>Words that raise a clip's score, parted by commas</span>
        <input value=${wanted.keywords} placeholder="such as: launch, price" onInput=${text("keywords")} /></label>
      <label class="field"><span>What is said, as SubRip or WebVTT; else the video's own text</span>
        <input type="file" accept=".srt,.vtt" onChange=${(event) => onText(event.target.files[0] || null)} /></label>
    </div>
  </div>`;
}
