// Temporal for `make bench-engine`, against a server at ADDRESS:
//
//	bench worker ADDRESS   executes workflows and activities
//	bench client ADDRESS   says `ready`, then answers each order on standard input with milliseconds
//	bench ready ADDRESS    ends once the server answers
//
// An order is `LAYERS WIDTH KIND RUNS LOG KEY`; what the words mean stands in bench/engine/src/order.rs.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
)

const queue = "bench"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: bench worker|client|ready ADDRESS")
	}
	temporal := dial(os.Args[2])
	defer temporal.Close()
	switch os.Args[1] {
	case "worker":
		w := worker.New(temporal, queue, worker.Options{})
		w.RegisterWorkflow(Run)
		w.RegisterActivity(Step)
		if err := w.Run(worker.InterruptCh()); err != nil {
			log.Fatal(err)
		}
	case "client":
		serve(temporal)
	}
}

// dial asks until the server answers: after a crash it takes its time.
func dial(address string) client.Client {
	options := client.Options{
		HostPort: address,
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
	var temporal client.Client
	var err error
	for range 3000 {
		if temporal, err = client.Dial(options); err == nil {
			return temporal
		}
		time.Sleep(10 * time.Millisecond)
	}
	log.Fatal(err)
	return nil
}

func serve(temporal client.Client) {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var order Order
		var runs int
		var key string
		if _, err := fmt.Sscan(lines.Text(), &order.Layers, &order.Width, &order.Kind, &runs, &order.Log, &key); err != nil {
			log.Fatalf("%q: %v", lines.Text(), err)
		}
		start := time.Now()
		var all sync.WaitGroup
		for number := range runs {
			all.Go(func() {
				if err := carryOut(temporal, order, fmt.Sprint(key, "-", number)); err != nil {
					log.Fatal(err)
				}
			})
		}
		all.Wait()
		fmt.Printf("%.2f\n", float64(time.Since(start).Microseconds())/1000)
	}
}

// carryOut starts a run and waits for its end, unless it is to wait for ever. The same id finds the same run.
func carryOut(temporal client.Client, order Order, id string) error {
	ctx := context.Background()
	options := client.StartWorkflowOptions{ID: id, TaskQueue: queue}
	run, err := temporal.ExecuteWorkflow(ctx, options, Run, order)
	if err != nil || order.Kind == "wait" {
		return err
	}
	return run.Get(ctx, nil)
}
