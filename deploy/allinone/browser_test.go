package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// browser is a headless Chromium with one page, driven through its DevTools.
type browser struct {
	t    *testing.T
	page *websocket.Conn
	sent int
}

// openBrowser starts the Chromium that SALLYPORT_CHROMIUM names. Without one the test is skipped by name; where CI is
// set it fails.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program := os.Getenv("SALLYPORT_CHROMIUM")
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Chromium: set SALLYPORT_CHROMIUM, or run make lab")
		}
		t.Skip("no Chromium here: set SALLYPORT_CHROMIUM, or run make lab")
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", //nolint:gosec // the tester names it
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1400,2200",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", "about:blank")
	command.WaitDelay = 10 * time.Second
	said, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if rest, ok := strings.CutPrefix(lines.Text(), "DevTools listening on ws://"); ok {
				address, _, _ := strings.Cut(rest, "/")
				found <- address
			}
		}
	}()
	b := &browser{t: t}
	t.Cleanup(func() {
		if b.page != nil {
			_ = b.page.WriteJSON(map[string]any{"id": -1, "method": "Browser.close"}) // its child processes end with it
			_ = b.page.Close()
		}
		stop := time.AfterFunc(10*time.Second, cancel)
		_ = command.Wait()
		stop.Stop()
		cancel()
	})
	select {
	case address := <-found:
		b.connect(address)
	case <-time.After(time.Minute):
		t.Fatal("Chromium is not up after a minute")
	}
	return b
}

func (b *browser) connect(address string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://"+address+"/json/list", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var pages []struct {
		Address string `json:"webSocketDebuggerUrl"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&pages); err != nil || len(pages) == 0 {
		b.t.Fatalf("Chromium shows %d pages, %v", len(pages), err)
	}
	page, answered, err := websocket.DefaultDialer.DialContext(b.t.Context(), pages[0].Address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = answered.Body.Close()
	b.page = page
}

// call sends one command and decodes its result.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	b.sent++
	if err := b.page.WriteJSON(map[string]any{"id": b.sent, "method": method, "params": params}); err != nil {
		b.t.Fatal(err)
	}
	for {
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := b.page.ReadJSON(&answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.sent {
			continue // an event
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result == nil {
			return
		}
		if err := json.Unmarshal(answer.Result, result); err != nil {
			b.t.Fatal(err)
		}
		return
	}
}

// evaluate is what an expression that is a text comes to in the page.
func (b *browser) evaluate(expression string) string {
	b.t.Helper()
	var answer struct {
		Result struct {
			Value string `json:"value"`
		} `json:"result"`
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression}, &answer)
	return answer.Result.Value
}

// text is what the page and its frames show.
func (b *browser) text() string {
	b.t.Helper()
	return b.evaluate(`[document, ...[...document.querySelectorAll('iframe')].map(f => f.contentDocument)]
		.map(d => d && d.body ? d.body.innerText : '').join('\n')`)
}

// open shows a page and waits until it says all the words; it returns what it says.
func (b *browser) open(url string, words ...string) string {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	var missing []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		text := b.text()
		missing = nil
		for _, word := range words {
			if !strings.Contains(text, word) {
				missing = append(missing, fmt.Sprintf("%q", word))
			}
		}
		if len(missing) == 0 {
			return text
		}
	}
	b.t.Fatalf("%s does not say %s; it says:\n%s", url, strings.Join(missing, ", "), b.text())
	return ""
}

// picture is the page without its menu as PNG, once its frames have grown to their text.
func (b *browser) picture() []byte {
	b.t.Helper()
	for end, last := time.Now().Add(2*time.Minute), "none"; time.Now().Before(end); time.Sleep(time.Second) {
		now := b.evaluate(`[...document.querySelectorAll('iframe')].map(f => f.clientHeight).join()`)
		if now == last {
			break
		}
		last = now
	}
	var shot struct {
		Data []byte `json:"data"`
	}
	b.call("Page.captureScreenshot", map[string]any{
		"format": "png", "clip": map[string]any{"x": 255, "y": 60, "width": 1145, "height": 1940, "scale": 1},
	}, &shot)
	return shot.Data
}
