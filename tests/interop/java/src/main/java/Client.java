import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import reelsmith.analyzer.v1.Analyzer;
import reelsmith.analyzer.v1.AnalyzerServiceGrpc;
import reelsmith.gateway.v1.ClipServiceGrpc;
import reelsmith.gateway.v1.Gateway;
import reelsmith.jobs.v1.Jobs;

/**
 * Calls a suite with clients that protoc-gen-grpc-java made of the protos: probe, submit, watch, and read why a call
 * failed. Client GATEWAY ANALYZER SOURCE REQUEST_ID, where addresses are HOST:PORT; prints what it found as JSON.
 */
public final class Client {
  private static final int PATIENCE_MINUTES = 4; // a job of seconds on a busy machine

  public static void main(String[] words) throws Exception {
    ManagedChannel gateway = connect(words[0]);
    ManagedChannel analyzer = connect(words[1]);
    try {
      System.out.println(found(gateway, analyzer, words[2], words[3]));
    } finally {
      gateway.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
      analyzer.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private static ManagedChannel connect(String address) {
    return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
  }

  private static String found(ManagedChannel gateway, ManagedChannel analyzer, String source, String requestId)
      throws Exception {
    var clips = ClipServiceGrpc.newBlockingStub(gateway).withDeadlineAfter(PATIENCE_MINUTES, TimeUnit.MINUTES);
    var probes = AnalyzerServiceGrpc.newBlockingStub(analyzer).withDeadlineAfter(PATIENCE_MINUTES, TimeUnit.MINUTES);
    boolean serving = clips.getSuiteStatus(Gateway.GetSuiteStatusRequest.getDefaultInstance()).getServing();
    var probed = probes.probe(Analyzer.ProbeRequest.newBuilder().setSourceUri(source).build());
    var spec = Jobs.JobSpec.newBuilder().setSourceUri(source).setCount(1).setDurationMinS(1).setDurationMaxS(2);
    var create = Gateway.CreateClipsRequest.newBuilder().setSpec(spec).setRequestId(requestId).build();
    Jobs.Job job = clips.createClips(create);
    long sequence = 0;
    int events = 0;
    var stream = clips.watchJob(Gateway.WatchJobRequest.newBuilder().setId(job.getId()).build());
    while (stream.hasNext()) {
      long next = stream.next().getSequence();
      if (next < sequence) {
        throw new IllegalStateException("event " + next + " after " + sequence);
      }
      sequence = next;
      events += 1;
    }
    Jobs.Job ended = clips.getJob(Gateway.GetJobRequest.newBuilder().setId(job.getId()).build());
    var nowhere = Gateway.GetJobRequest.newBuilder().setId("0".repeat(32)).build();
    var empty = Gateway.CreateClipsRequest.newBuilder().setSpec(Jobs.JobSpec.getDefaultInstance()).build();
    return String.format(
        "{\"serving\": %b, \"streams\": %d, \"job\": \"%s\", \"watched\": %b, \"state\": \"%s\", \"clips\": %d,"
            + " \"unknown\": \"%s\", \"invalid\": \"%s\"}",
        serving, probed.getMedia().getVideoStreamsCount(), job.getId(), events > 0,
        ended.getState().name().replaceFirst("STATE_", ""), ended.getClipsCount(),
        refused(() -> clips.getJob(nowhere)), refused(() -> clips.createClips(empty)));
  }

  /** What a call is refused with: the code, the reason and the fields, each from its own typed detail. */
  private static String refused(Runnable call) throws InvalidProtocolBufferException {
    try {
      call.run();
      return "OK";
    } catch (StatusRuntimeException failure) {
      List<String> words = new ArrayList<>(List.of(failure.getStatus().getCode().name()));
      List<String> fields = new ArrayList<>();
      for (Any detail : StatusProto.fromThrowable(failure).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          words.add(info.getDomain() + "/" + info.getReason());
        } else if (detail.is(BadRequest.class)) {
          detail.unpack(BadRequest.class).getFieldViolationsList().forEach(one -> fields.add(one.getField()));
        }
      }
      words.addAll(fields);
      return String.join(" ", words);
    }
  }
}
