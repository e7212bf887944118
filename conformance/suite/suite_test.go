// Package suite runs the official conformance suite, unmodified, and holds its outcome to what
// expected.yaml says. The flags are the suite's own, and -stock.
package suite

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
	"sigs.k8s.io/yaml"
)

// A path of its own: the suite joins files of the same path from all its file systems instead of
// letting the first win, which would bring the HTTP Gateways back.
const baseManifests = "base/portway.yaml"

// Gateways with this annotation are not waited for.
const skipForReadiness = "gateway-api/skip-this-for-readiness"

//go:embed expected.yaml
var expectedYAML []byte

// The outcome of each test, as it ends. Tests end in several goroutines.
var outcomes = struct {
	sync.Mutex
	of map[string]string
}{of: map[string]string{}}

var stock = flag.Bool("stock", false,
	"run as upstream does: its base manifests, no test skipped, no outcome expected; for other implementations")

// expectation is expected.yaml.
type expectation struct {
	Reasons  map[string]string            `json:"reasons"`
	Features []features.FeatureName       `json:"features"`
	Profiles map[string]map[string]string `json:"profiles"`
}

func readExpectation(t *testing.T) expectation {
	t.Helper()
	var read expectation
	if err := yaml.UnmarshalStrict(expectedYAML, &read); err != nil {
		t.Fatalf("expected.yaml: %v", err)
	}
	return read
}

// of gives what the tests of these profiles should come to, and the reasons of those to skip.
func (e expectation) of(t *testing.T, profiles []suite.ConformanceProfileName) (pass []string, skip map[string]string) {
	t.Helper()
	skip = map[string]string{}
	for _, profile := range profiles {
		for test, outcome := range e.Profiles[string(profile)] {
			word, key, _ := strings.Cut(outcome, " ")
			reason, known := e.Reasons[key]
			switch {
			case outcome == "pass":
				pass = append(pass, test)
			case word == "skip" && known:
				skip[test] = reason
			default:
				t.Fatalf("expected.yaml: %s: %q is neither `pass` nor `skip` with a reason", test, outcome)
			}
		}
	}
	slices.Sort(pass)
	return slices.Compact(pass), skip
}

// testsOf gives the names of the tests that need nothing but a profile's core features and these.
func testsOf(profile suite.ConformanceProfile, extended []features.FeatureName) []string {
	known := profile.CoreFeatures.Clone().Insert(extended...)
	var names []string
	for _, test := range tests.ConformanceTests {
		if known.HasAll(test.Features...) {
			names = append(names, test.ShortName)
		}
	}
	slices.Sort(names)
	return names
}

// TestExpectedNamesEveryTest needs no cluster: the suite of go.mod and expected.yaml name the same
// tests, so that an update of the suite cannot add one unseen.
func TestExpectedNamesEveryTest(t *testing.T) {
	known := map[string]suite.ConformanceProfile{
		string(suite.GatewayTCPConformanceProfileName): suite.GatewayTCPConformanceProfile,
	}
	expected := readExpectation(t)
	for profile, outcomes := range expected.Profiles {
		named := slices.Sorted(maps.Keys(outcomes))
		if in := testsOf(known[profile], expected.Features); !slices.Equal(named, in) {
			t.Errorf("%s: expected.yaml names\n%v\nand the suite has\n%v", profile, named, in)
		}
	}
}

// TestConformance runs the suite on the cluster that KUBECONFIG names.
func TestConformance(t *testing.T) {
	options := conformance.DefaultOptions(t)
	options.Hook = record
	var pass []string
	skip := map[string]string{}
	if !*stock {
		pass, skip = readExpectation(t).of(t, options.ConformanceProfiles)
		options.SkipTests = slices.Sorted(maps.Keys(skip))
		options.BaseManifests = baseManifests
		options.ManifestFS = []fs.FS{withoutHTTP(t), &conformance.Manifests}
	}
	t.Cleanup(func() { judge(t, options, pass, skip) })
	conformance.RunConformanceWithOptions(t, options)
}

// withoutHTTP is upstream's base manifests, in which the Gateways that have nothing but HTTP and HTTPS
// listeners are not waited for. They stay, so that all else meets them as it would elsewhere.
func withoutHTTP(t *testing.T) fs.FS {
	t.Helper()
	upstream, err := conformance.Manifests.ReadFile("base/manifests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var changed bytes.Buffer
	for _, document := range strings.Split(string(upstream), "\n---\n") {
		object := map[string]any{}
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			t.Fatalf("base manifests: %v", err)
		}
		if len(object) == 0 {
			continue
		}
		if onlyHTTP(object) {
			metadata := object["metadata"].(map[string]any)
			metadata["annotations"] = map[string]any{skipForReadiness: "true"}
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&changed, "---\n%s", text)
	}
	return fstest.MapFS{baseManifests: {Data: changed.Bytes()}}
}

func onlyHTTP(object map[string]any) bool {
	spec, _ := object["spec"].(map[string]any)
	listeners, _ := spec["listeners"].([]any)
	if object["kind"] != "Gateway" || len(listeners) == 0 {
		return false
	}
	for _, listener := range listeners {
		protocol, _ := listener.(map[string]any)["protocol"].(string)
		if protocol != "HTTP" && protocol != "HTTPS" {
			return false
		}
	}
	return true
}

// record is called at the end of each test.
func record(t *testing.T, test suite.ConformanceTest, ran *suite.ConformanceTestSuite) {
	outcome := "pass"
	switch {
	case t.Failed():
		outcome = "FAIL"
	case t.Skipped():
		outcome = "skip"
	}
	if !ran.SupportedFeatures.HasAll(test.Features...) || (ran.RunTest != "" && ran.RunTest != test.ShortName) {
		return
	}
	outcomes.Lock()
	defer outcomes.Unlock()
	outcomes.of[test.ShortName] = outcome
	fmt.Printf("outcome: %s %s\n", outcome, test.ShortName)
}

// judge compares what came out with what should have, and says both in one line at the end.
func judge(t *testing.T, options suite.ConformanceOptions, pass []string, skip map[string]string) {
	outcomes.Lock()
	defer outcomes.Unlock()
	counts := map[string]int{}
	for _, outcome := range outcomes.of {
		counts[outcome]++
	}
	for _, reason := range slices.Compact(slices.Sorted(maps.Values(skip))) {
		fmt.Printf("outcome: skipped because %s\n", strings.TrimSpace(reason))
	}
	fmt.Printf("outcome: %d passed, %d failed, %d skipped\n", counts["pass"], counts["FAIL"], counts["skip"])
	if *stock {
		return
	}
	for _, test := range pass {
		if outcome := outcomes.of[test]; outcome != "pass" && (options.RunTest == "" || options.RunTest == test) {
			t.Errorf("%s: expected to pass, came to %q", test, outcome)
		}
	}
	for test, outcome := range outcomes.of {
		if _, listed := skip[test]; outcome == "skip" && !listed {
			t.Errorf("%s: skipped, which expected.yaml does not say", test)
		}
		if outcome != "skip" && !slices.Contains(pass, test) {
			t.Errorf("%s: ran, and expected.yaml does not know it", test)
		}
	}
}
