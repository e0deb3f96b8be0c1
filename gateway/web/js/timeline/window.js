/** Which part of the film is on the screen, and how times become places. */

export const MARGIN_PX = 16; // on both sides, so that an edge at an end of the film can be taken hold of
const SPAN_MIN_S = 1; // closer there is nothing more to see: two dozen frames

/** The visible part of a film. */
export class Window {
  constructor(duration) {
    Object.assign(this, {duration, start: 0, span: duration, width: 1});
  }

  get end() {
    return this.start + this.span;
  }
  get room() {
    return Math.max(1, this.width - 2 * MARGIN_PX);
  }
  get scale() {
    return this.room / this.span;
  } // pixels per second

  x(time) {
    return MARGIN_PX + (time - this.start) * this.scale;
  }
  time(x) {
    return this.start + (x - MARGIN_PX) / this.scale;
  }

  /** Shows a stretch. */
  show(start, span) {
    this.span = Math.min(this.duration, Math.max(Math.min(SPAN_MIN_S, this.duration), span));
    this.start = Math.min(this.duration - this.span, Math.max(0, start));
  }

  pan(distance) {
    this.show(this.start - distance / this.scale, this.span);
  }

  /** Shows less or more, so that what lies at `x` stays there. */
  zoom(factor, x = this.width / 2) {
    const time = this.time(x);
    const span = Math.min(this.duration, Math.max(SPAN_MIN_S, this.span / factor));
    this.show(time - ((x - MARGIN_PX) / this.room) * span, span);
  }

  /** Shows a stretch with some of what is around it. */
  frame(start, end) {
    const span = Math.max((end - start) * 1.8, SPAN_MIN_S * 4);
    this.show((start + end - span) / 2, span);
  }
}
