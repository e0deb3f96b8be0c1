/** Why a clip was chosen: its score as a sum of terms that were measured. */
import {html} from "../html.js";
import {term} from "../words.js";

/** A track is as long as the term's weight, and filled as far as the term was met. */
export function Score({score, terms}) {
  if (!terms?.length) return html`<p class="empty">This clip was asked for by time, so nothing was scored.</p>`;
  const heaviest = Math.max(...terms.map((item) => item.weight));
  const known = terms
    .filter((item) => item.state === "measured")
    .sort((one, other) => other.contribution - one.contribution);
  const unknown = terms.filter((item) => item.state !== "measured");
  return html`<div class="score">
    <p class="row between"><span class="soft">The sum of what each term adds; a longer track weighs more.</span>
      <b class="big">${score?.toFixed(2) ?? "–"}</b></p>
    <ul class="terms">
      ${known.map((item) => html`<${Term} key=${item.name} item=${item} share=${item.weight / heaviest} />`)}
      ${unknown.map((item) => html`<${Term} key=${item.name} item=${item} share=${item.weight / heaviest} />`)}
    </ul>
  </div>`;
}

function Term({item, share}) {
  const known = item.state === "measured";
  return html`<li class=${known ? "" : "unknown"}>
    <span class="name">${term(item.name)}</span>
    <span class="meter" style=${{width: `${share * 100}%`}}
        aria-hidden="true">${known && html`<i style=${{width: `${item.value * 100}%`}}></i>`}</span>
    <span class="number">${known ? `+${item.contribution.toFixed(2)}` : "unknown"}</span>
    <span class="soft reason">${item.reason || ""}</span>
  </li>`;
}
