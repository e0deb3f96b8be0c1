/** Sends a file by the tus protocol: a broken connection, or a closed page, costs nothing that has arrived. */
import * as key from "./key.js";

const PIECE_BYTES = 8 << 20; // what is lost at most where a connection breaks; large enough to cost no speed
const PAUSES_MS = [0, 500, 1000, 2000, 5000, 10_000, 20_000]; // for a gateway that is restarted

let library;

/** The library, fetched when the first file is chosen. */
function load() {
  library ??= import("../vendor/tus.js").then(() => globalThis.tus);
  return library;
}

/**
 * Begins to send a file, or goes on where an earlier visit stopped.
 * Returns what pauses it; `done` gets the identifier of the upload.
 */
export async function start(file, {progress, done, failed}) {
  const tus = await load();
  const upload = new tus.Upload(file, {
    endpoint: "/v1/uploads",
    chunkSize: PIECE_BYTES,
    retryDelays: PAUSES_MS,
    removeFingerprintOnSuccess: true,
    metadata: {filename: file.name, filetype: file.type},
    headers: key.header(),
    onProgress: progress,
    onError: failed,
    onSuccess: () => done(/([0-9a-f]{32})(\?|$)/.exec(upload.url)[1]),
  });
  const [earlier] = await upload.findPreviousUploads();
  if (earlier) upload.resumeFromPreviousUpload(earlier);
  upload.start();
  return () => upload.abort();
}
