/** What was checked of a finished clip, and which layout each of its scenes got. */
import {count, plain} from "../format.js";
import {html} from "../html.js";

const MARKS = {passed: "✓", failed: "✗", skipped: "–"};

export function Checks({manifest}) {
  const checks = manifest?.checks || [];
  if (!checks.length) return null;
  const of = (state) => checks.filter((check) => check.state === state).length;
  const [failed, skipped] = [of("failed"), of("skipped")];
  const told = [
    count(of("passed"), "check") + " passed",
    failed && `${failed} failed`,
    skipped && `${skipped} did not apply`,
  ].filter(Boolean);
  return html`<details class="checks"><summary>${told.join(", ")}</summary>
    <ul>${checks.map(
      (check) => html`<li key=${check.name} class=${check.state}>
      <span><b aria-label=${check.state}>${MARKS[check.state] || "?"}</b> ${plain(check.name)}</span><span
          class="soft">${check.measured}</span></li>`,
    )}</ul>
    ${(manifest.scenes || []).map((scene, index) => html`<p key=${index} class="soft">
      Scene ${index + 1}: ${plain(scene.layout)}, because ${scene.reason}</p>`)}
  </details>`;
}
