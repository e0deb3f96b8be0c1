// Calls a suite with clients that protoc-gen-es made of the protos: probe, submit, watch, and read why a call failed.
// node dist/client.js GATEWAY ANALYZER SOURCE REQUEST_ID, where addresses are HOST:PORT; prints what it found as JSON.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { AnalyzerService } from "./gen/reelsmith/analyzer/v1/analyzer_pb.js";
import { ClipService } from "./gen/reelsmith/gateway/v1/gateway_pb.js";
import { Job_State } from "./gen/reelsmith/jobs/v1/jobs_pb.js";

const [gateway, analyzer, sourceUri, requestId] = process.argv.slice(2);
const at = (address: string) => createGrpcTransport({ baseUrl: `http://${address}` });
const clips = createClient(ClipService, at(gateway));

// What a call is refused with: the code, the reason and the fields, each from its own typed detail.
async function refused(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (failure) {
    const error = ConnectError.from(failure);
    const reasons = error.findDetails(ErrorInfoSchema).map((info) => `${info.domain}/${info.reason}`);
    const fields = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations.map((one) => one.field));
    return [Code[error.code], ...reasons, ...fields].join(" ");
  }
}

const suite = await clips.getSuiteStatus({});
const probed = await createClient(AnalyzerService, at(analyzer)).probe({ sourceUri });
const job = await clips.createClips({
  requestId,
  spec: { sourceUri, count: 1, durationMinS: 1, durationMaxS: 2 },
});
let sequence = 0n;
let events = 0;
for await (const event of clips.watchJob({ id: job.id })) {
  if (event.sequence < sequence) throw new Error(`event ${event.sequence} after ${sequence}`);
  sequence = event.sequence;
  events += 1;
}
const ended = await clips.getJob({ id: job.id });
console.log(
  JSON.stringify({
    serving: suite.serving,
    streams: probed.media?.videoStreams.length,
    job: job.id,
    watched: events > 0,
    state: Job_State[ended.state],
    clips: ended.clips.length,
    unknown: await refused(clips.getJob({ id: "0".repeat(32) })),
    invalid: await refused(clips.createClips({ spec: {} })),
  }),
);
