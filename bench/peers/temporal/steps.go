package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"go.temporal.io/sdk/workflow"
)

// An Order is what each run of it looks like.
type Order struct {
	Layers, Width int
	Kind, Log     string
}

// Run is the workflow: layer after layer, the steps of a layer side by side.
func Run(ctx workflow.Context, order Order) error {
	if order.Kind == "wait" {
		return workflow.Sleep(ctx, 24*time.Hour)
	}
	// After a crash of the worker a step is tried again when this is over.
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 5 * time.Second})
	for layer := range order.Layers {
		steps := make([]workflow.Future, order.Width)
		for nth := range steps {
			steps[nth] = workflow.ExecuteActivity(ctx, Step, order, layer*order.Width+nth)
		}
		for _, step := range steps {
			if err := step.Get(ctx, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// Step is the activity. It is no local activity: those are not recorded one by one.
func Step(_ context.Context, order Order, number int) (int, error) {
	switch order.Kind {
	case "sh":
		return number, exec.Command("sh", "-c", "true").Run()
	case "effect":
		return number, appendLine(order.Log, fmt.Sprintf("%d %d\n", number, time.Now().UnixMilli()))
	}
	return number, nil
}

func appendLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(line)
	return err
}
