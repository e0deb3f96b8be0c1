/** The finished files of a clip or a session, to save. */
import {size} from "../format.js";
import {html} from "../html.js";
import {download} from "../live.js";
import {attempt} from "../notes.js";
import {Icon} from "./icon.js";

/** What files are called for people. */
const ROLES = {
  ARTIFACT_ROLE_CLIP: "Clip",
  ARTIFACT_ROLE_MANIFEST: "Manifest",
  ARTIFACT_ROLE_THUMBNAIL: "Picture",
  ARTIFACT_ROLE_CAPTIONS: "Captions",
  ARTIFACT_ROLE_TIMELINE: "Timeline",
  ARTIFACT_ROLE_REPORT: "Report",
  ARTIFACT_ROLE_CONTACT_SHEET: "Contact sheet",
  ARTIFACT_ROLE_ANALYSIS: "Analysis",
  ARTIFACT_ROLE_PROPOSALS: "Proposals",
  ARTIFACT_ROLE_MEDIA_INFO: "Media info",
};

/** The name that a file gets where it is saved: that of the source, then its own. */
export function saved(title, path) {
  const stem = (title || "clips").replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "-");
  return `${stem}-${path.split("/").pop()}`;
}

/** A list of files. */
export function Files({id, title, artifacts}) {
  if (!artifacts.length) return html`<p class="empty">No file yet.</p>`;
  return html`<ul class="files">${artifacts.map(
    (item) => html`<li key=${item.path}>
    <button type="button" class="button quiet wide"
        onClick=${() => attempt(() => download(id, item, saved(title, item.path)))}>
      <${Icon} name="down" /><span class="grow">${ROLES[item.role] || "File"} <small
          class="soft">${item.path.split("/").pop()}</small></span>
      <small class="soft">${size(item.sizeBytes)}</small></button></li>`,
  )}</ul>`;
}

/** All files of one clip. */
export const ofClip = (clip) => [clip.video, ...(clip.captions || []), clip.thumbnail, clip.manifest].filter(Boolean);
