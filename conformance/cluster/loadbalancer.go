package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// A cloud's half of a Service of type LoadBalancer: one address of a pool for each, written to its
// status. kube-proxy does the rest, since it serves every address that a status lists.
type balancer struct {
	client kubernetes.Interface
	lister listers.ServiceLister
	pool   netip.Prefix
	// What was chosen, by Service: the lister may not show it yet, and no other may get it.
	chosen map[types.UID]netip.Addr
}

func loadBalancer() int {
	flags := flag.NewFlagSet("loadbalancer", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	pool := flags.String("pool", "", "the addresses to give, as a prefix")
	_ = flags.Parse(os.Args[1:])
	prefix, err := netip.ParsePrefix(*pool)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadbalancer: -pool:", err)
		return 2
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadbalancer: -kubeconfig:", err)
		return 2
	}
	// The client's own limit would make Gateways wait for addresses that a cloud gives at once.
	config.QPS, config.Burst = 500, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadbalancer:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	serve(ctx, client, prefix)
	return 0
}

// serve looks at all Services after each change of one. Addresses are chosen here alone, by one
// goroutine, so that no two Services can get the same.
func serve(ctx context.Context, client kubernetes.Interface, pool netip.Prefix) {
	factory := informers.NewSharedInformerFactory(client, time.Minute)
	services := factory.Core().V1().Services()
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	_, _ = services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake() },
		UpdateFunc: func(any, any) { wake() },
		DeleteFunc: func(any) { wake() },
	})
	b := balancer{client: client, lister: services.Lister(), pool: pool}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			if again := b.assign(ctx); again {
				time.AfterFunc(100*time.Millisecond, wake)
			}
		}
	}
}

// assign gives an address to each Service that lacks one and says whether a write failed.
func (b *balancer) assign(ctx context.Context) bool {
	services, err := b.lister.List(labels.Everything())
	if err != nil {
		return true
	}
	slices.SortFunc(services, func(x, y *core.Service) int {
		return x.CreationTimestamp.Compare(y.CreationTimestamp.Time)
	})
	taken, held := map[netip.Addr]bool{}, map[types.UID]netip.Addr{}
	for _, service := range services {
		if !balanced(service) {
			continue
		}
		if address, has := given(service); has {
			taken[address] = true
		}
		if address, has := b.chosen[service.UID]; has {
			taken[address], held[service.UID] = true, address
		}
	}
	b.chosen = held
	again := false
	for _, service := range services {
		address, has := given(service)
		switch {
		case service.DeletionTimestamp != nil:
			// It keeps what it has while a finalizer holds it, as in a cloud.
		case !balanced(service) && has:
			again = b.write(ctx, service, nil) || again
		case balanced(service) && (!has || !b.suits(service, address)):
			chosen, ok := b.chosen[service.UID]
			if !ok || !b.suits(service, chosen) {
				chosen, ok = b.choose(service, taken)
			}
			if !ok {
				delete(b.chosen, service.UID)
				fmt.Fprintf(os.Stderr, "no address for %s/%s\n", service.Namespace, service.Name)
				if has {
					again = b.write(ctx, service, nil) || again
				}
				continue
			}
			taken[chosen], b.chosen[service.UID] = true, chosen
			again = b.write(ctx, service, &chosen) || again
		}
	}
	return again
}

// balanced says whether the Service is one of ours. Those with a class of their own belong to
// somebody else, as the API wants it.
func balanced(service *core.Service) bool {
	return service.Spec.Type == core.ServiceTypeLoadBalancer &&
		service.Spec.LoadBalancerClass == nil
}

func given(service *core.Service) (netip.Addr, bool) {
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(ingress.IP); err == nil {
			return address, true
		}
	}
	return netip.Addr{}, false
}

// suits says whether the Service may keep its address: one that asks for another gets it anew.
func (b balancer) suits(service *core.Service, address netip.Addr) bool {
	wanted, err := netip.ParseAddr(strings.TrimSpace(service.Spec.LoadBalancerIP))
	return err != nil || wanted == address
}

// choose takes the address that the Service asks for, or the first free one. A wish outside the
// pool gets none, as from a cloud that does not own the address.
func (b balancer) choose(service *core.Service, taken map[netip.Addr]bool) (netip.Addr, bool) {
	if wish := strings.TrimSpace(service.Spec.LoadBalancerIP); wish != "" {
		wanted, err := netip.ParseAddr(wish)
		return wanted, err == nil && b.pool.Contains(wanted) && !taken[wanted]
	}
	// The first address names the network. The upper half is for wishes alone.
	half := netip.PrefixFrom(b.pool.Addr(), b.pool.Bits()+1)
	for address := b.pool.Addr().Next(); half.Contains(address); address = address.Next() {
		if !taken[address] {
			return address, true
		}
	}
	return netip.Addr{}, false
}

func (b balancer) write(ctx context.Context, service *core.Service, address *netip.Addr) bool {
	changed := service.DeepCopy()
	changed.Status.LoadBalancer.Ingress = nil
	if address != nil {
		virtual := core.LoadBalancerIPModeVIP
		changed.Status.LoadBalancer.Ingress = []core.LoadBalancerIngress{
			{IP: address.String(), IPMode: &virtual},
		}
	}
	_, err := b.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, changed, meta.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "%s/%s: %v\n", service.Namespace, service.Name, err)
		return true
	}
	return false
}
