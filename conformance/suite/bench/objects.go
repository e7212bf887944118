package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	grant "sigs.k8s.io/gateway-api/apis/v1beta1"
)

const (
	space       = "bench"
	backendPort = 3000
	image       = "registry.k8s.io/gateway-api/conformance/echo-basic:v0.1.0"
)

// backend makes a Service and the pods behind it, and waits for them.
func (b *bench) backend(ctx context.Context, name string, replicas int32) error {
	labels := map[string]string{"app": name}
	service := core.Service{
		ObjectMeta: meta.ObjectMeta{Namespace: space, Name: name},
		Spec: core.ServiceSpec{
			Selector: labels,
			Ports:    []core.ServicePort{{Port: backendPort, TargetPort: intstr.FromInt32(backendPort)}},
		},
	}
	podName := core.EnvVarSource{FieldRef: &core.ObjectFieldSelector{FieldPath: "metadata.name"}}
	now := int64(0)
	pods := apps.Deployment{
		ObjectMeta: meta.ObjectMeta{Namespace: space, Name: name},
		Spec: apps.DeploymentSpec{
			Replicas: &replicas,
			Selector: &meta.LabelSelector{MatchLabels: labels},
			Template: core.PodTemplateSpec{
				ObjectMeta: meta.ObjectMeta{Labels: labels},
				Spec: core.PodSpec{
					TerminationGracePeriodSeconds: &now,
					Containers: []core.Container{{
						Name:            "echo",
						Image:           image,
						ImagePullPolicy: core.PullNever,
						Env: []core.EnvVar{
							{Name: "TCP_ECHO_SERVER", Value: "1"},
							{Name: "POD_NAME", ValueFrom: &podName},
						},
						Resources: core.ResourceRequirements{
							Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("1m")},
						},
					}},
				},
			},
		},
	}
	if err := b.Create(ctx, &service); err != nil {
		return err
	}
	if err := b.Create(ctx, &pods); err != nil {
		return err
	}
	return b.until(ctx, "backend "+name, func() (bool, error) {
		err := b.Get(ctx, client.ObjectKeyFromObject(&pods), &pods)
		return pods.Status.AvailableReplicas == replicas, err
	})
}

// listeners makes a Gateway with a TCP listener on each of these ports, open to all namespaces.
func (b *bench) listeners(ctx context.Context, name string, first, n int) error {
	all := gateway.NamespacesFromAll
	object := gateway.Gateway{
		ObjectMeta: meta.ObjectMeta{Namespace: space, Name: name},
		Spec:       gateway.GatewaySpec{GatewayClassName: gateway.ObjectName(b.class)},
	}
	for port := first; port < first+n; port++ {
		object.Spec.Listeners = append(object.Spec.Listeners, gateway.Listener{
			Name:          gateway.SectionName(fmt.Sprintf("p%d", port)),
			Port:          gateway.PortNumber(port),
			Protocol:      gateway.TCPProtocolType,
			AllowedRoutes: &gateway.AllowedRoutes{Namespaces: &gateway.RouteNamespaces{From: &all}},
		})
	}
	return b.Create(ctx, &object)
}

// address waits until the Gateway is programmed as it is now.
func (b *bench) address(ctx context.Context, name string) (string, error) {
	var object gateway.Gateway
	key := client.ObjectKey{Namespace: space, Name: name}
	err := b.until(ctx, "Gateway "+name, func() (bool, error) {
		if err := b.Get(ctx, key, &object); err != nil || len(object.Status.Addresses) == 0 {
			return false, err
		}
		return programmed(&object), nil
	})
	if err != nil {
		return "", err
	}
	return object.Status.Addresses[0].Value, nil
}

// programmed says whether the Gateway is, at its present generation.
func programmed(object *gateway.Gateway) bool {
	for _, condition := range object.Status.Conditions {
		if condition.Type == "Programmed" {
			return condition.Status == "True" && condition.ObservedGeneration == object.Generation
		}
	}
	return false
}

// proxiesEnd waits until a Gateway has no pods of its own any more.
func (b *bench) proxiesEnd(ctx context.Context, name string) error {
	return b.until(ctx, "end of the proxies of "+name, func() (bool, error) {
		var pods core.PodList
		of := client.MatchingLabels{"gateway.networking.k8s.io/gateway-name": name}
		err := b.List(ctx, &pods, client.InNamespace(space), of)
		return len(pods.Items) == 0, err
	})
}

func route(namespace, name, parent string, port int, backend string) *gateway.TCPRoute {
	of, in := gateway.Namespace(space), gateway.PortNumber(backendPort)
	section := gateway.SectionName(fmt.Sprintf("p%d", port))
	return &gateway.TCPRoute{
		ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: name},
		Spec: gateway.TCPRouteSpec{
			CommonRouteSpec: gateway.CommonRouteSpec{ParentRefs: []gateway.ParentReference{{
				Namespace: &of, Name: gateway.ObjectName(parent), SectionName: &section,
			}}},
			Rules: []gateway.TCPRouteRule{{BackendRefs: []gateway.BackendRef{{
				BackendObjectReference: gateway.BackendObjectReference{
					Name: gateway.ObjectName(backend), Port: &in,
				},
			}}}},
		},
	}
}

// grants lets the routes of all the bench's namespaces use the backends; a grant names at most 16.
func (b *bench) grants(ctx context.Context, namespaces int) error {
	for first := 0; first < namespaces; first += 16 {
		object := grant.ReferenceGrant{
			ObjectMeta: meta.ObjectMeta{Namespace: space, Name: fmt.Sprintf("from-%d", first)},
			Spec:       grant.ReferenceGrantSpec{To: []grant.ReferenceGrantTo{{Kind: "Service"}}},
		}
		for i := first; i < min(first+16, namespaces); i++ {
			object.Spec.From = append(object.Spec.From, grant.ReferenceGrantFrom{
				Group: gateway.GroupName, Kind: "TCPRoute", Namespace: gateway.Namespace(fmt.Sprintf("%s-%d", space, i)),
			})
		}
		if err := b.Create(ctx, &object); err != nil {
			return err
		}
	}
	return nil
}

func accepted(route *gateway.TCPRoute) bool {
	for _, parent := range route.Status.Parents {
		for _, condition := range parent.Conditions {
			if condition.Type == "Accepted" && condition.Status == "True" {
				return true
			}
		}
	}
	return false
}

func (b *bench) until(ctx context.Context, what string, reached func() (bool, error)) error {
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); {
		is, err := reached()
		if err != nil || is {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: not in time", what)
}

func at(address string, port int) string {
	return net.JoinHostPort(address, strconv.Itoa(port))
}
