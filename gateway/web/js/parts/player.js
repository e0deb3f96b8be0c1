/** Plays a clip and tells the timeline which moment of the source it shows. */
import {html, useEffect, useRef} from "../html.js";
import {useFile} from "../live.js";

/**
 * @param start Where the clip begins in the source, in seconds.
 * @param playing A signal that gets the moment; null while nothing is shown.
 */
export function Player({id, clip, label, start, playing}) {
  const video = useRef();
  const url = useFile(id, clip.video);
  const poster = useFile(id, clip.thumbnail);
  useEffect(() => {
    let frame;
    const follow = () => {
      const {current} = video;
      playing.set(current && (current.currentTime > 0 || !current.paused) ? start + current.currentTime : null);
      frame = current && !current.paused ? requestAnimationFrame(follow) : 0;
    };
    const stop = new AbortController();
    for (const name of ["play", "seeked", "pause"]) video.current?.addEventListener(name, () => { cancelAnimationFrame(frame); follow(); }, {signal: stop.signal});
    return () => { stop.abort(); cancelAnimationFrame(frame); playing.set(null); };
  }, [url, start]);
  if (!url) return html`<div class="player blank"><p class="soft">${clip.video ? "Loading" : "No video yet"}</p></div>`;
  return html`<video key=${url} ref=${video} class="player" controls playsinline preload="metadata" src=${url} poster=${poster || undefined} aria-label=${label}></video>`;
}
