/** The shared configuration in force: each value, and the layer that it comes from. */
import * as api from "../api.js";
import {ago} from "../format.js";
import {classes, html, useEffect, useState} from "../html.js";

const SERVICES = ["", "analyzer", "exporter", "jobs", "gateway"];

/** @param service Whose layer counts too; empty for none. */
export function Config({service}) {
  const [found, setFound] = useState({});
  const [wanted, setWanted] = useState("");
  useEffect(() => {
    document.title = "Configuration · reelsmith";
    const stop = new AbortController();
    api.config(service, stop.signal).then(
      (config) => setFound({config}),
      (failure) => !stop.signal.aborted && setFound({failure}),
    );
    return () => stop.abort();
  }, [service]);
  const {config, failure} = found;
  return html`<div class="page">
    <header class="title"><h1>Configuration</h1>${config && html`<${Version} config=${config} />`}</header>
    ${failure && html`<p class="failure card">${failure.message}</p>`}
    <div class="segments" role="group" aria-label="Whose layer counts">${SERVICES.map(
      (name) => html`<button type="button" key=${name} aria-pressed=${name === service}
          onClick=${() => (location.hash = `#/config${name && `/${name}`}`)}>${name || "all services"}</button>`,
    )}</div>
    ${config && html`<${Values} values=${config.values || []} wanted=${wanted} onWanted=${setWanted} />`}
  </div>`;
}

function Version({config}) {
  const facts = [
    config.environment,
    Number(config.version) ? `version ${config.version}` : "built in",
    Number(config.version) && ago(config.createTime),
    config.actor && `by ${config.actor}`,
    config.comment,
  ];
  return html`<p class="soft">${facts.filter(Boolean).join(" · ")}</p>`;
}

function Values({values, wanted, onWanted}) {
  const shown = values.filter((item) => item.path.includes(wanted.trim().toLowerCase()));
  return html`<section class="card values" aria-label="Values">
    <label class="field"><span>Find a setting</span><input type="search" value=${wanted}
        onInput=${(event) => onWanted(event.target.value)} /></label>
    ${!shown.length && html`<p class="empty">Nothing is called so.</p>`}
    ${
      shown.length > 0 &&
      html`<table><thead><tr><th scope="col">Setting</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
      <tbody>${shown.map(
        (item) => html`<tr key=${item.path}><td class="mono">${item.path}</td><td class="mono">${item.value}</td>
          <td class=${classes("origin", item.origin !== "built in" && "own")}>${item.origin}</td></tr>`,
      )}</tbody></table>`
    }
  </section>`;
}
