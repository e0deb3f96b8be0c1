/** What a timeline shows of an analysis, in flat arrays that are drawn in one go. Times are seconds of the source. */

const QUIET_LUFS = -50; // the bottom of the lane of sound
const LOUD_LUFS = -8;
const NAMES = {cut: "cut", fade: "fade", dissolve: "dissolve"};

/**
 * @param analysis The document of the analysis; without one the clips alone give the axis.
 * @param clips The clips of the job.
 */
export function model(analysis, clips) {
  const ends = clips.map((clip) => clip.time?.endS || 0);
  const duration = analysis?.source?.duration_s || Math.max(1, ...ends) * 1.05;
  const curve = analysis?.curve || {};
  return {
    duration,
    interval: curve.interval_s || 1,
    highlight: curve.highlight || [],
    sound: (curve.loudness_lufs || []).map(height),
    shots: analysis?.shots || [],
    speech: analysis?.speech || [],
    silence: analysis?.silence || [],
    cues: analysis?.transcript?.cues || [],
    people: (analysis?.subjects || []).map(({start_s, end_s, speaking}) => ({start_s, end_s, speaking})),
    snaps: snaps(analysis),
  };
}

/** Loudness as a share of the lane's height; null where it is not known. */
const height = (lufs) =>
  lufs == null ? null : Math.min(1, Math.max(0, (lufs - QUIET_LUFS) / (LOUD_LUFS - QUIET_LUFS)));

/** Where an edge snaps to, in order: `{time, name}`. */
function snaps(analysis) {
  const found = [];
  const edges = (stretches, first, last) => {
    for (const {start_s, end_s} of stretches || []) found.push({time: start_s, name: first}, {time: end_s, name: last});
  };
  const rate = analysis?.video?.frame_rate;
  const kinds = new Map((analysis?.transitions || []).map((item) => [item.frame, NAMES[item.kind]]));
  for (const shot of analysis?.shots || [])
    found.push({time: shot.start_s, name: kinds.get(shot.start_frame) || "shot"});
  edges(analysis?.silence, "silence begins", "silence ends");
  edges(analysis?.speech, "speech begins", "speech ends");
  edges(analysis?.transcript?.sentences, "sentence begins", "sentence ends");
  if (rate) for (const snap of found) snap.time = Math.round(snap.time * rate) / rate;
  return found.sort((one, other) => one.time - other.time);
}

/** The snap nearest to a time, within so many seconds; null where there is none. */
export function nearest(points, time, reach) {
  const after = lowest(points, (point) => point.time >= time);
  const near = [points[after - 1], points[after]].filter(Boolean);
  const distance = (point) => Math.abs(point.time - time);
  const best = near.sort((one, other) => distance(one) - distance(other))[0];
  return best && distance(best) <= reach ? best : null;
}

/** The next snap before or behind a time; null where there is none. */
export function next(points, time, direction) {
  const tiny = 1e-3;
  if (direction > 0) return points[lowest(points, (point) => point.time > time + tiny)] || null;
  return points[lowest(points, (point) => point.time >= time - tiny) - 1] || null;
}

/** The stretches of a sorted list that touch a range. */
export function within(stretches, start, end) {
  const first = lowest(stretches, (item) => item.end_s > start);
  let last = first;
  while (last < stretches.length && stretches[last].start_s < end) last += 1;
  return stretches.slice(first, last);
}

/** The lowest index for which a test, which stays true once it is, is true. */
function lowest(list, test) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(list[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What there is at a time, in words. */
export function told(timeline, time) {
  const sample = timeline.highlight[Math.round(time / timeline.interval)];
  const shot = within(timeline.shots, time, time + 1e-3)[0];
  const cue = within(timeline.cues, time, time + 1e-3)[0];
  return [
    sample != null && `highlight ${sample.toFixed(2)}`,
    shot && timeline.shots.length > 1 && `shot ${shot.index + 1} of ${timeline.shots.length}`,
    cue && `“${cue.text.replace(/\s+/g, " ")}”`,
  ]
    .filter(Boolean)
    .join(" · ");
}
