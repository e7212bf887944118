package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	apps "k8s.io/api/apps/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
)

// The first port of the bench: below are those of the node's own parts. Peers that cannot open ports at run time are started with all of them.
const firstPort = 20000

// attached creates n routes on one listener, 16 at a time, then deletes them. Measured: from the last
// call until `attachedRoutes` is right and until all are accepted, and the status writes it took.
func attached(ctx context.Context, b *bench) error {
	if err := b.place(ctx, 1); err != nil {
		return err
	}
	if _, err := b.address(ctx, "gw-0"); err != nil {
		return err
	}
	begin := time.Now()
	made := each(b.n, 16, func(i int) error {
		return b.Create(ctx, route(space, fmt.Sprintf("r-%04d", i), "gw-0", firstPort, "foo"))
	})
	if made != nil {
		return made
	}
	last := time.Now()
	counted, err := b.counts(ctx, b.n)
	if err != nil {
		return err
	}
	err = b.until(ctx, "accepted routes", func() (bool, error) {
		var routes gateway.TCPRouteList
		if err := b.List(ctx, &routes, client.InNamespace(space)); err != nil {
			return false, err
		}
		return !slices.ContainsFunc(routes.Items, func(r gateway.TCPRoute) bool { return !accepted(&r) }), nil
	})
	if err != nil {
		return err
	}
	b.result["create_ms"] = milliseconds(last.Sub(begin))
	b.result["attached_ms"] = milliseconds(counted.Sub(last))
	b.result["accepted_ms"] = milliseconds(time.Since(last))
	// What is still under way belongs to this phase.
	time.Sleep(2 * time.Second)
	if b.result["writes_create"], err = b.writes(begin); err != nil {
		return err
	}
	begin = time.Now()
	err = each(b.n, 16, func(i int) error {
		return b.Delete(ctx, route(space, fmt.Sprintf("r-%04d", i), "gw-0", firstPort, "foo"))
	})
	if err != nil {
		return err
	}
	last = time.Now()
	if counted, err = b.counts(ctx, 0); err != nil {
		return err
	}
	b.result["detached_ms"] = milliseconds(counted.Sub(last))
	time.Sleep(2 * time.Second)
	b.result["writes_delete"], err = b.writes(begin)
	return err
}

// counts waits until the listener says that n routes are attached, and gives the moment.
func (b *bench) counts(ctx context.Context, n int) (time.Time, error) {
	err := b.until(ctx, fmt.Sprintf("attachedRoutes=%d", n), func() (bool, error) {
		var object gateway.Gateway
		err := b.Get(ctx, client.ObjectKey{Namespace: space, Name: "gw-0"}, &object)
		listeners := object.Status.Listeners
		return len(listeners) == 1 && int(listeners[0].AttachedRoutes) == n, err
	})
	return time.Now(), err
}

// propagation creates n routes one after the other, each on a listener of its own that is there
// already. Measured: from the call's return until a client gets the right answer.
func propagation(ctx context.Context, b *bench) error {
	const perGateway = 60
	n := (b.n + perGateway - 1) / perGateway
	if err := b.place(ctx, 0); err != nil {
		return err
	}
	addresses := make([]string, n)
	for i := range n {
		ports := min(perGateway, b.n-i*perGateway)
		if err := b.listeners(ctx, fmt.Sprintf("gw-%d", i), firstPort+i*perGateway, ports); err != nil {
			return err
		}
	}
	for i := range n {
		var err error
		if addresses[i], err = b.address(ctx, fmt.Sprintf("gw-%d", i)); err != nil {
			return err
		}
	}
	var took []float64
	wrong := 0
	for i := range b.n {
		of, port, backend := i/perGateway, firstPort+i, []string{"foo", "bar"}[i%2]
		made := route(space, fmt.Sprintf("r-%04d", i), fmt.Sprintf("gw-%d", of), port, backend)
		if err := b.Create(ctx, made); err != nil {
			return err
		}
		elapsed, n, err := firstAnswer(at(addresses[of], port), backend)
		if err != nil {
			return fmt.Errorf("route %d: %w", i, err)
		}
		wrong += n
		took = append(took, milliseconds(elapsed))
	}
	slices.Sort(took)
	b.result["p50_ms"], b.result["p99_ms"] = took[len(took)/2], took[len(took)*99/100]
	b.result["max_ms"], b.result["wrong_answers"] = took[len(took)-1], wrong
	return nil
}

// firstAnswer gives how long it takes until the right backend answers, and how many others did before.
// A client comes every 2 ms and gives up after 250: where a listener without a route holds what it
// accepts, one that waited would only measure its own patience.
func firstAnswer(address, backend string) (time.Duration, int, error) {
	answers := make(chan string, 1000)
	begin, wrong := time.Now(), 0
	next := time.NewTicker(2 * time.Millisecond)
	defer next.Stop()
	for time.Since(begin) < time.Minute {
		select {
		case got := <-answers:
			if got == backend {
				return time.Since(begin), wrong, nil
			}
			wrong++
		case <-next.C:
			go func() {
				if got, err := askWithin(address, 250*time.Millisecond); err == nil {
					select {
					case answers <- got:
					default:
					}
				}
			}()
		}
	}
	return 0, 0, fmt.Errorf("no answer within a minute")
}

// change switches a route between two backends n times, every half second, under load. Measured:
// connections that failed or broke, and how long the old backend still answers.
func change(ctx context.Context, b *bench) error {
	if err := b.place(ctx, 1); err != nil {
		return err
	}
	made := route(space, "r", "gw-0", firstPort, "foo")
	if err := b.Create(ctx, made); err != nil {
		return err
	}
	address, err := b.address(ctx, "gw-0")
	if err != nil {
		return err
	}
	target := at(address, firstPort)
	err = b.until(ctx, "first answer", func() (bool, error) { _, err := ask(target); return err == nil, nil })
	if err != nil {
		return err
	}
	restore, err := portsAreReused()
	if err != nil {
		return err
	}
	defer restore()
	var asked, failed, broken atomic.Int64
	var failure atomic.Value
	var clients sync.WaitGroup
	end := make(chan struct{})
	for range 10 {
		clients.Go(func() {
			if stay(target, end) != nil {
				broken.Add(1)
			}
		})
	}
	for range 2 {
		clients.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				asked.Add(1)
				if _, err := ask(target); err != nil {
					failed.Add(1)
					failure.CompareAndSwap(nil, err.Error())
				}
			}
		})
	}
	var late []float64
	for i := range b.n {
		backend := []string{"bar", "foo"}[i%2]
		was := client.MergeFrom(made.DeepCopy())
		made.Spec.Rules[0].BackendRefs[0].Name = gateway.ObjectName(backend)
		if err := b.Patch(ctx, made, was); err != nil {
			return err
		}
		patched := time.Now()
		last := patched
		for time.Since(patched) < 500*time.Millisecond {
			if got, err := ask(target); err == nil && got != backend {
				last = time.Now()
			}
		}
		late = append(late, milliseconds(last.Sub(patched)))
	}
	close(end)
	clients.Wait()
	slices.Sort(late)
	b.result["connections"], b.result["failed"] = asked.Load(), failed.Load()
	if why := failure.Load(); why != nil {
		b.result["first_failure"] = why
	}
	b.result["streams"], b.result["streams_broken"] = 10, broken.Load()
	b.result["old_answers_p50_ms"], b.result["old_answers_max_ms"] = late[len(late)/2], late[len(late)-1]
	return nil
}

// another creates n Gateways beside one that serves, one after the other, each with a listener and a
// route of its own, and deletes it before the next. Measured: from the call until it is programmed at
// its generation, as a watch tells, and until a client gets the right answer at the address it gives.
func another(ctx context.Context, b *bench) error {
	if err := b.place(ctx, 1); err != nil {
		return err
	}
	if err := b.Create(ctx, route(space, "r", "gw-0", firstPort, "foo")); err != nil {
		return err
	}
	address, err := b.address(ctx, "gw-0")
	if err != nil {
		return err
	}
	if _, _, err := firstAnswer(at(address, firstPort), "foo"); err != nil {
		return err
	}
	var tells, answers []float64
	for i := range b.n {
		// A port of its own: nothing of the one before can answer in its place.
		told, answer, err := b.rise(ctx, fmt.Sprintf("new-%d", i), firstPort+1+i)
		if err != nil {
			return err
		}
		tells, answers = append(tells, milliseconds(told)), append(answers, milliseconds(answer))
	}
	slices.Sort(tells)
	slices.Sort(answers)
	b.result["programmed_p50_ms"], b.result["programmed_max_ms"] = tells[len(tells)/2], tells[len(tells)-1]
	b.result["answer_p50_ms"], b.result["answer_max_ms"] = answers[len(answers)/2], answers[len(answers)-1]
	return nil
}

// rise makes a Gateway with a route and removes both again. It gives how long it took until the Gateway
// was programmed, and until it answered.
func (b *bench) rise(ctx context.Context, name string, port int) (told, answer time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	seen, err := b.Watch(ctx, &gateway.GatewayList{}, client.InNamespace(space), client.MatchingFields{"metadata.name": name})
	if err != nil {
		return 0, 0, err
	}
	defer seen.Stop()
	begin := time.Now()
	if err := b.listeners(ctx, name, port, 1); err != nil {
		return 0, 0, err
	}
	made := route(space, name, name, port, "bar")
	if err := b.Create(ctx, made); err != nil {
		return 0, 0, err
	}
	address := ""
	for address == "" {
		event, more := <-seen.ResultChan()
		if !more {
			return 0, 0, fmt.Errorf("the watch ended before Gateway %s was programmed", name)
		}
		object, is := event.Object.(*gateway.Gateway)
		if is && programmed(object) && len(object.Status.Addresses) > 0 {
			address = object.Status.Addresses[0].Value
		}
	}
	told = time.Since(begin)
	if _, _, err := firstAnswer(at(address, port), "bar"); err != nil {
		return 0, 0, fmt.Errorf("Gateway %s: %w", name, err)
	}
	answer = time.Since(begin)
	if err := b.Delete(ctx, made); err != nil {
		return 0, 0, err
	}
	old := gateway.Gateway{ObjectMeta: meta.ObjectMeta{Namespace: space, Name: name}}
	if err := b.Delete(ctx, &old); err != nil {
		return 0, 0, err
	}
	return told, answer, b.proxiesEnd(ctx, name)
}

// churn has 50 namespaces of n/50 routes and scales a backend between 2 and 4 pods every 3 seconds for
// a minute. Measured: CPU seconds and memory of the implementation's processes.
func churn(ctx context.Context, b *bench) error {
	const namespaces = 50
	if err := b.place(ctx, 0); err != nil {
		return err
	}
	for i := range namespaces {
		if err := b.namespace(ctx, fmt.Sprintf("%s-%d", space, i)); err != nil {
			return err
		}
	}
	if err := b.grants(ctx, namespaces); err != nil {
		return err
	}
	if err := b.listeners(ctx, "gw-0", firstPort, namespaces); err != nil {
		return err
	}
	if _, err := b.address(ctx, "gw-0"); err != nil {
		return err
	}
	err := each(b.n, 16, func(i int) error {
		in := i % namespaces
		name := fmt.Sprintf("r-%04d", i)
		made := route(fmt.Sprintf("%s-%d", space, in), name, "gw-0", firstPort+in, "foo")
		of := gateway.Namespace(space)
		made.Spec.Rules[0].BackendRefs[0].Namespace = &of
		return b.Create(ctx, made)
	})
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	before, _, err := b.cost()
	if err != nil {
		return err
	}
	replicas := int32(2)
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(3 * time.Second) {
		replicas = 6 - replicas
		var pods apps.Deployment
		if err := b.Get(ctx, client.ObjectKey{Namespace: space, Name: "foo"}, &pods); err != nil {
			return err
		}
		was := client.MergeFrom(pods.DeepCopy())
		pods.Spec.Replicas = &replicas
		if err := b.Patch(ctx, &pods, was); err != nil {
			return err
		}
	}
	after, memory, err := b.cost()
	if err != nil {
		return err
	}
	for name := range after {
		after[name] -= before[name]
	}
	b.result["cpu_seconds"], b.result["rss_mb"] = after, memory
	return nil
}

// place makes the namespace, two backends and, if asked, a Gateway of one listener.
func (b *bench) place(ctx context.Context, gateways int) error {
	if err := b.clean(ctx); err != nil {
		return err
	}
	if err := b.namespace(ctx, space); err != nil {
		return err
	}
	for _, name := range []string{"foo", "bar"} {
		if err := b.backend(ctx, name, 2); err != nil {
			return err
		}
	}
	for i := range gateways {
		if err := b.listeners(ctx, fmt.Sprintf("gw-%d", i), firstPort, 1); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for 0 to n-1 from several goroutines and gives the first error.
func each(n, workers int, f func(int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errors := make(chan error, workers)
	for range workers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					errors <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-errors:
		return err
	default:
		return nil
	}
}
