// Calls a suite with clients that protoc-gen-go-grpc made of the protos: probe, submit, watch, and read why a call
// failed. main GATEWAY ANALYZER SOURCE REQUEST_ID, where addresses are HOST:PORT; prints what it found as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	analyzer "interop/gen/reelsmith/analyzer/v1"
	gateway "interop/gen/reelsmith/gateway/v1"
	jobs "interop/gen/reelsmith/jobs/v1"
)

func connect(address string) *grpc.ClientConn {
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	return connection
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// What a call was refused with: the code, the reason and the fields, each from its own typed detail.
func refused(err error) string {
	found := status.Convert(err)
	words := []string{found.Code().String()}
	fields := []string{}
	for _, detail := range found.Details() {
		switch told := detail.(type) {
		case *errdetails.ErrorInfo:
			words = append(words, told.Domain+"/"+told.Reason)
		case *errdetails.BadRequest:
			for _, one := range told.FieldViolations {
				fields = append(fields, one.Field)
			}
		}
	}
	return strings.Join(append(words, fields...), " ")
}

// The number of events of a job until it has ended, none earlier than the one before.
func watch(ctx context.Context, clips gateway.ClipServiceClient, id string) int {
	stream, err := clips.WatchJob(ctx, &gateway.WatchJobRequest{Id: id})
	check(err)
	events, sequence := 0, int64(0)
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return events
		}
		check(err)
		if event.Sequence < sequence {
			log.Fatalf("event %d after %d", event.Sequence, sequence)
		}
		sequence, events = event.Sequence, events+1
	}
}

func main() {
	source, requestID := os.Args[3], os.Args[4]
	ctx, stop := context.WithTimeout(context.Background(), 4*time.Minute)
	defer stop()
	clips := gateway.NewClipServiceClient(connect(os.Args[1]))
	suite, err := clips.GetSuiteStatus(ctx, &gateway.GetSuiteStatusRequest{})
	check(err)
	probed, err := analyzer.NewAnalyzerServiceClient(connect(os.Args[2])).Probe(ctx, &analyzer.ProbeRequest{SourceUri: source})
	check(err)
	spec := &jobs.JobSpec{SourceUri: source, Count: 1, DurationMinS: 1, DurationMaxS: 2}
	job, err := clips.CreateClips(ctx, &gateway.CreateClipsRequest{Spec: spec, RequestId: requestID})
	check(err)
	events := watch(ctx, clips, job.Id)
	ended, err := clips.GetJob(ctx, &gateway.GetJobRequest{Id: job.Id})
	check(err)
	_, unknown := clips.GetJob(ctx, &gateway.GetJobRequest{Id: strings.Repeat("0", 32)})
	_, invalid := clips.CreateClips(ctx, &gateway.CreateClipsRequest{Spec: &jobs.JobSpec{}})
	found, err := json.Marshal(map[string]any{
		"serving": suite.Serving,
		"streams": len(probed.Media.VideoStreams),
		"job":     job.Id,
		"watched": events > 0,
		"state":   strings.TrimPrefix(ended.State.String(), "STATE_"),
		"clips":   len(ended.Clips),
		"unknown": refused(unknown),
		"invalid": refused(invalid),
	})
	check(err)
	fmt.Println(string(found))
}
