package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Who talks to whom, and as whom. The names are those that the API server's own roles are bound to.
type identity struct {
	file          string
	name          string
	organizations []string
	// Names that a server answers to; for clients there are none.
	addresses []net.IP
	hosts     []string
}

// certificates makes the cluster's certificate authority, what it signs, the key for the tokens of
// ServiceAccounts, and a kubeconfig for each client. All of it is made anew for each cluster.
func certificates() int {
	flags := flag.NewFlagSet("certificates", flag.ExitOnError)
	dir := flags.String("dir", "", "where to write")
	server := flags.String("server", "", "URL of the API server")
	node := flags.String("node", "", "name of the node")
	address := flags.String("address", "", "address of the node")
	service := flags.String("service", "", "first address of the Services' network")
	_ = flags.Parse(os.Args[1:])
	local := net.ParseIP("127.0.0.1")
	identities := []identity{
		{file: "apiserver", name: "kube-apiserver",
			addresses: []net.IP{net.ParseIP(*address), net.ParseIP(*service), local},
			hosts:     []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}},
		{file: "kubelet-server", name: "system:node:" + *node, organizations: []string{"system:nodes"},
			addresses: []net.IP{net.ParseIP(*address)}, hosts: []string{*node}},
		{file: "apiserver-to-kubelet", name: "kube-apiserver", organizations: []string{"system:masters"}},
		{file: "admin", name: "admin", organizations: []string{"system:masters"}},
		{file: "controller-manager", name: "system:kube-controller-manager"},
		{file: "scheduler", name: "system:kube-scheduler"},
		{file: "kubelet", name: "system:node:" + *node, organizations: []string{"system:nodes"}},
		{file: "proxy", name: "system:kube-proxy"},
	}
	authority, err := newAuthority(*dir)
	if err == nil {
		err = authority.tokens()
	}
	for _, identity := range identities {
		if err == nil {
			err = authority.sign(identity)
		}
		if err == nil && len(identity.addresses) == 0 {
			err = authority.kubeconfig(identity, *server)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		return 1
	}
	return 0
}

type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	serial      int64
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := lasting(1, pkix.Name{CommonName: "cluster"})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{dir: dir, key: key, certificate: certificate, serial: 1}
	return a, a.write("ca.crt", "CERTIFICATE", der)
}

// lasting is a certificate of a year: longer than any cluster of tests is kept.
func lasting(serial int64, name pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      name,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
}

// tokens writes the key that ServiceAccounts' tokens are signed with.
func (a *authority) tokens() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := a.write("tokens.pub", "PUBLIC KEY", public); err != nil {
		return err
	}
	return a.writeKey("tokens.key", key)
}

func (a *authority) sign(identity identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	a.serial++
	template := lasting(a.serial, pkix.Name{CommonName: identity.name, Organization: identity.organizations})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(identity.addresses) > 0 {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	template.IPAddresses, template.DNSNames = identity.addresses, identity.hosts
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := a.write(identity.file+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return a.writeKey(identity.file+".key", key)
}

func (a *authority) kubeconfig(identity identity, server string) error {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: cluster
contexts: [{name: cluster, context: {cluster: cluster, user: %[1]s}}]
clusters: [{name: cluster, cluster: {server: %[2]q, certificate-authority: %[3]q}}]
users: [{name: %[1]s, user: {client-certificate: %[4]q, client-key: %[5]q}}]
`, identity.file, server, a.path("ca.crt"), a.path(identity.file+".crt"), a.path(identity.file+".key"))
	return os.WriteFile(a.path(identity.file+".kubeconfig"), []byte(text), 0o600)
}

func (a *authority) writeKey(name string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return a.write(name, "PRIVATE KEY", der)
}

func (a *authority) write(name, kind string, der []byte) error {
	return os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func (a *authority) path(name string) string {
	return filepath.Join(a.dir, name)
}
