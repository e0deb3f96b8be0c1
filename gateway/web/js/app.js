/** The page: its frame, and which view the address names. */
import {html, render, useEffect, useRef, useState} from "./html.js";
import {useStatus} from "./live.js";
import {Notes} from "./notes.js";
import {Config} from "./pages/config.js";
import {Session} from "./pages/session.js";
import {Sessions} from "./pages/sessions.js";
import {Suite} from "./pages/suite.js";
import {Access} from "./parts/access.js";

const STATUS_PAUSE_MS = 20_000; // the light in the corner; the view of the suite asks more often
const ROUTES = [
  [
    /^#\/sessions\/([0-9a-f]{32})(?:\/clips\/(\d+))?$/,
    ([, id, rank]) => html`<${Session} key=${id} id=${id} rank=${Number(rank) || null} />`,
  ],
  [/^#\/suite$/, () => html`<${Suite} />`],
  [/^#\/config(?:\/(\w+))?$/, ([, service]) => html`<${Config} service=${service || ""} />`],
  [/^(#\/?)?$/, () => html`<${Sessions} />`],
];

function useAddress() {
  const [address, setAddress] = useState(location.hash);
  useEffect(() => {
    const changed = () => setAddress(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return address;
}

function View({address}) {
  for (const [pattern, draw] of ROUTES) {
    const found = pattern.exec(address);
    if (found) return draw(found);
  }
  return html`<section class="page"><h1>Nothing here</h1><p><a href="#/">All sessions</a></p></section>`;
}

function Head({address}) {
  const {status, failure} = useStatus(STATUS_PAUSE_MS);
  const current = (yes) => (yes ? "page" : undefined);
  const [light, words] = failure
    ? failure.status === 403
      ? ["", "not told to this key"]
      : ["bad", "no answer"]
    : !status
      ? ["", "asking"]
      : status.serving
        ? ["good", "serving"]
        : ["warm", "not whole"];
  return html`<header class="head">
    <a class="mark" href="#/"><img src="icon.svg" alt="" width="26" height="26" />reelsmith</a>
    <nav aria-label="Views">
      <a href="#/" aria-current=${current(!/^#\/(suite|config)/.test(address))}>Sessions</a>
      <a href="#/suite" aria-current=${current(address === "#/suite")}>Suite <span
          class=${`light ${light}`}></span><span class="hidden">, ${words}</span></a>
      <a href="#/config" aria-current=${current(address.startsWith("#/config"))}>Configuration</a>
    </nav>
  </header>`;
}

function App() {
  const address = useAddress();
  const [visitor, setVisitor] = useState(0);
  const main = useRef();
  useEffect(() => scrollTo(0, 0), [address.replace(/\/clips\/\d+$/, "")]);
  return html`
    <button type="button" class="skip" onClick=${() => main.current.focus()}>Skip to the content</button>
    <${Head} key=${`head-${visitor}`} address=${address} />
    <main id="main" ref=${main} tabindex="-1" key=${`view-${visitor}`}><${View} address=${address} /></main>
    <${Notes} />
    <${Access} onChange=${() => setVisitor((number) => number + 1)} />`;
}

render(html`<${App} />`, document.getElementById("app"));
