/** Views of one thing of which one is shown; arrows move between them. */
import {html} from "../html.js";

export function Tabs({label, tabs, chosen, onChoose, children}) {
  const pressed = (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!step) return;
    const index = (tabs.findIndex(([name]) => name === chosen) + step + tabs.length) % tabs.length;
    onChoose(tabs[index][0]);
    event.currentTarget.children[index].focus();
  };
  return html`<div class="tabs">
    <div role="tablist" aria-label=${label} onKeyDown=${pressed}>
      ${tabs.map(
        ([
          name,
          title,
        ]) => html`<button type="button" role="tab" key=${name} id=${`tab-${name}`} aria-controls="tab-panel"
        aria-selected=${name === chosen} tabindex=${name === chosen ? 0 : -1}
        onClick=${() => onChoose(name)}>${title}</button>`,
      )}
    </div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${chosen}`}>${children}</div>
  </div>`;
}
