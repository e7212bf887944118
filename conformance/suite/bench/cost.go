package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A clock tick of /proc, `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// writes counts the status writes in the audit log since a moment, by kind, and those refused.
func (b *bench) writes(since time.Time) (map[string]int, error) {
	file, err := os.Open(b.audit)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	counts := map[string]int{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct {
			RequestReceivedTimestamp time.Time
			ObjectRef                struct{ Resource, Subresource, Namespace string }
			ResponseStatus           struct{ Code int }
		}
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		ref := event.ObjectRef
		if event.RequestReceivedTimestamp.Before(since) || ref.Subresource != "status" || !strings.HasPrefix(ref.Namespace, space) {
			continue
		}
		counts[ref.Resource]++
		if event.ResponseStatus.Code == 409 {
			counts[ref.Resource+" conflicts"]++
		}
	}
	return counts, lines.Err()
}

// cost gives the CPU seconds that each named group of processes has used, and its memory now. A group
// is a number, or `@VERB`: Portway's processes of this verb in the cluster's cgroups.
func (b *bench) cost() (map[string]float64, map[string]float64, error) {
	seconds, megabytes := map[string]float64{}, map[string]float64{}
	for _, group := range strings.Split(b.processes, ",") {
		name, which, _ := strings.Cut(group, "=")
		pids := []string{which}
		if verb, is := strings.CutPrefix(which, "@"); is {
			pids = b.running(verb)
		}
		if len(pids) == 0 {
			return nil, nil, fmt.Errorf("%s: no such process", name)
		}
		for _, pid := range pids {
			ticks, pages, err := process(pid)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
			seconds[name] += float64(ticks) / ticksPerSecond
			megabytes[name] += float64(pages*os.Getpagesize()) / 1e6
		}
	}
	return seconds, megabytes, nil
}

// running gives the processes of the cluster that are `portway VERB`.
func (b *bench) running(verb string) []string {
	var found []string
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		command, _ := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		cgroup, _ := os.ReadFile("/proc/" + entry.Name() + "/cgroup")
		words := strings.Split(string(command), "\x00")
		ours := strings.Contains(string(cgroup), "/"+b.cluster+"/")
		if ours && len(words) > 1 && strings.HasSuffix(words[0], "portway") && words[1] == verb {
			found = append(found, entry.Name())
		}
	}
	return found
}

func process(pid string) (ticks, pages int, err error) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 22 {
		return 0, 0, fmt.Errorf("/proc/%s/stat has %d fields", pid, len(fields))
	}
	// proc_pid_stat(5): utime and stime are the 14th and 15th field, rss the 24th; two are cut off.
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	pages, _ = strconv.Atoi(fields[21])
	return user + system, pages, nil
}
