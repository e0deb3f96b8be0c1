/** A canvas that is sharp on every screen. */

/** Gives a canvas a size in pixels of the page and returns its pen in the same units. */
export function fitted(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    Object.assign(canvas, {width: wide, height: high});
    Object.assign(canvas.style, {width: `${width}px`, height: `${height}px`});
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}
