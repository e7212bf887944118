package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

const greeting = "Gateway API Test TCP Server\n"

// ask opens one connection and gives the name of the backend that answers.
func ask(address string) (string, error) {
	return askWithin(address, 3*time.Second)
}

func askWithin(address string, patience time.Duration) (string, error) {
	socket, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	_ = socket.SetDeadline(time.Now().Add(patience))
	reader := bufio.NewReader(socket)
	if line, err := reader.ReadString('\n'); err != nil || line != greeting {
		return "", fmt.Errorf("greeting %q: %w", line, err)
	}
	if _, err := socket.Write([]byte("TEST\n")); err != nil {
		return "", err
	}
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return "", err
	}
	var answer struct{ Pod string }
	if err := json.Unmarshal(line, &answer); err != nil {
		return "", err
	}
	// A Deployment's pods are called NAME-HASH-HASH.
	parts := strings.Split(answer.Pod, "-")
	return strings.Join(parts[:max(len(parts)-2, 0)], "-"), nil
}

// stay keeps one connection and speaks on it until it is told to end; it says whether it broke.
func stay(address string, end <-chan struct{}) error {
	socket, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer socket.Close()
	reader := bufio.NewReader(socket)
	for question := ""; ; question = "PING\n" {
		_ = socket.SetDeadline(time.Now().Add(3 * time.Second))
		if _, err := socket.Write([]byte(question)); err != nil {
			return err
		}
		if _, err := reader.ReadString('\n'); err != nil {
			return err
		}
		select {
		case <-end:
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// portsAreReused lets clients of this network take a local port again a second after it was closed: a
// round opens nearly as many connections to one address as there are ports, and the next one may follow
// within the minute that they are kept. Told by: Linux, Documentation/networking/ip-sysctl.rst.
func portsAreReused() (restore func(), err error) {
	const setting = "/proc/sys/net/ipv4/tcp_tw_reuse"
	before, err := os.ReadFile(setting)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(setting, []byte("1"), 0); err != nil {
		return nil, err
	}
	return func() { _ = os.WriteFile(setting, before, 0) }, nil
}
