// Command bench measures a control plane: how soon what is written to the API server is true of
// statuses and of traffic, and what that costs. One scenario a call; the result is one line of JSON.
//
// The implementation runs already and serves the class; `cargo xtask bench-control` sees to that.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	grant "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// bench is one run of one scenario.
type bench struct {
	client.WithWatch
	class string
	audit string
	n     int
	// Processes whose cost is measured, by what they are.
	processes string
	// The cgroup of the cluster, in which they are.
	cluster string
	result  map[string]any
}

var scenarios = map[string]func(context.Context, *bench) error{
	"attached":    attached,
	"propagation": propagation,
	"change":      change,
	"gateway":     another,
	"churn":       churn,
}

func main() {
	var b bench
	scenario := flag.String("scenario", "", "attached, propagation, change, gateway or churn")
	flag.StringVar(&b.class, "class", "", "GatewayClass of the implementation")
	flag.StringVar(&b.audit, "audit", "", "the API server's audit log")
	flag.IntVar(&b.n, "n", 1000, "how many routes, changes or Gateways")
	flag.StringVar(&b.processes, "processes", "", "whose cost is measured: NAME=PID or NAME=@VERB of Portway, ...")
	flag.StringVar(&b.cluster, "cluster", "", "the cluster's cgroup")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	run, known := scenarios[*scenario]
	if !known {
		fmt.Fprintln(os.Stderr, "bench: -scenario attached, propagation, change, gateway or churn")
		os.Exit(2)
	}
	if err := b.connect(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	b.result = map[string]any{"scenario": *scenario, "class": b.class, "n": b.n}
	err := run(ctx, &b)
	// The namespaces go whatever happened, so that the next scenario starts from nothing.
	cleaned := b.clean(context.Background())
	for _, err := range []error{err, cleaned} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
	line, _ := json.Marshal(b.result)
	fmt.Println(string(line))
}

func (b *bench) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	// The client must not be what is measured.
	config.QPS, config.Burst = 2000, 2000
	config.WarningHandler = nil
	connected, err := client.NewWithWatch(config, client.Options{})
	if err != nil {
		return err
	}
	b.WithWatch = connected
	if err := grant.Install(connected.Scheme()); err != nil {
		return err
	}
	return gateway.Install(connected.Scheme())
}

const marked = "bench"

// namespace makes a namespace of the bench.
func (b *bench) namespace(ctx context.Context, name string) error {
	object := core.Namespace{ObjectMeta: meta.ObjectMeta{Name: name, Labels: map[string]string{marked: "true"}}}
	err := b.Create(ctx, &object)
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("namespace %s is still there", name)
	}
	return err
}

// clean removes all namespaces of the bench and waits until they are gone.
func (b *bench) clean(ctx context.Context) error {
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		var all core.NamespaceList
		if err := b.List(ctx, &all, client.HasLabels{marked}); err != nil {
			return err
		}
		if len(all.Items) == 0 {
			return nil
		}
		for i := range all.Items {
			_ = b.Delete(ctx, &all.Items[i])
		}
	}
	return fmt.Errorf("namespaces of the bench do not go")
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}
