/** Asks for an API key when the gateway wants to know who calls. */
import {html, useEffect, useRef, useState} from "../html.js";
import * as key from "../key.js";
import {Dialog} from "./confirm.js";

/** Opens by itself where a key is wanted; a new key draws the page anew. */
export function Access({onChange}) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const declined = useRef(false);
  useEffect(() => key.onWanted(() => declined.current || setOpen(true)), []);
  useEffect(() => {
    const again = () => (declined.current = false);
    addEventListener("hashchange", again);
    return () => removeEventListener("hashchange", again);
  }, []);
  const close = () => {
    declined.current = true; // asked again on the next view, not by the next look at how things are
    setOpen(false);
  };
  if (!open) return null;
  const save = (event) => {
    event.preventDefault();
    key.set(text.trim());
    setOpen(false);
    setText("");
    onChange();
  };
  return html`<${Dialog} title="This suite wants to know who you are" onClose=${close}>
    <form onSubmit=${save}>
      <p>An API key is made with <code>reelsmith keys create</code>. It is kept until this tab is closed.</p>
      <label class="field"><span>API key</span>
        <input type="password" autocomplete="off" required autofocus value=${text}
            onInput=${(event) => setText(event.target.value)} /></label>
      <div class="actions end">
        <button type="button" class="button" onClick=${close}>Not now</button>
        <button class="button primary">Go on</button>
      </div>
    </form>
  </${Dialog}>`;
}
