/** Asks before something is done that cannot be undone. */
import {html, useEffect, useRef} from "../html.js";

/** A dialog that is open while it is drawn. */
export function Dialog({title, onClose, children}) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  const outside = (event) => event.target === dialog.current && onClose();
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${onClose} onClick=${outside}>
    <div class="inside"><h2 id="dialog-title">${title}</h2>${children}</div>
  </dialog>`;
}

/** A question with two answers. */
export function Confirm({title, text, action, onYes, onNo}) {
  return html`<${Dialog} title=${title} onClose=${onNo}>
    <p>${text}</p>
    <div class="actions end">
      <button type="button" class="button" onClick=${onNo} autofocus>Keep it</button>
      <button type="button" class="button danger" onClick=${onYes}>${action}</button>
    </div>
  </${Dialog}>`;
}
