package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestParseKey(t *testing.T) {
	key := append(bytes.Repeat([]byte{0xfb, 0xff}, 15), 1, 2) // has + / - _ in base64
	hexKey, std, url := hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), base64.URLEncoding.EncodeToString(key)
	for _, text := range []string{hexKey, strings.ToUpper(hexKey), std, url, strings.TrimRight(std, "="), strings.TrimRight(url, "="), " " + hexKey + "\n"} {
		if got, err := ParseKey(text); err != nil || !bytes.Equal(got, key) {
			t.Errorf("ParseKey(%q) = %x, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ab", hexKey[1:], hexKey + "00", "g" + hexKey[1:], std[4:], std + std, std[:43] + "==",
		std[:20] + "\n" + std[20:], base64.StdEncoding.EncodeToString(key[1:]), "correct horse battery staple"} {
		got, err := ParseKey(text)
		if err == nil {
			t.Errorf("ParseKey(%q) = %x", text, got)
		} else if text != "" && strings.Contains(err.Error(), text) && len(text) > 8 {
			t.Errorf("the error shows the text: %v", err)
		}
	}
}

func TestParseKeysOrder(t *testing.T) {
	text := "# rotated\n\n" + hex.EncodeToString(testKey(2)) + "\r\n  " + hex.EncodeToString(testKey(1)) + "\n"
	ring, err := ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	want := newRing(t, testKey(2), testKey(1))
	if want.Stale(ring.Seal(nil, "")) || !bytes.Equal(ring.MAC("p"), want.MAC("p")) {
		t.Error("the first line is not active, or the last not the root of hashes")
	}
	for _, bad := range []string{"", "# nothing\n", "zz", hex.EncodeToString(testKey(1)) + "\nnonsense-line", strings.Repeat("a", 1<<20)} {
		if _, err := ParseKeys(bad); err == nil || strings.Contains(err.Error(), "nonsense") {
			t.Errorf("ParseKeys(%.20q...): %v", bad, err)
		}
	}
}

func TestLoadOrCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := LoadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("LoadFile of no file: %v", err)
	}
	first, err := LoadOrCreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := first.Seal([]byte("x"), "a")
	second, err := LoadOrCreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(sealed, "a"); err != nil {
		t.Errorf("the second start has another key: %v", err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wantFiles(t, filepath.Dir(path), 1)
	if _, err := LoadOrCreateFile(filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Error("a missing folder was no error")
	}
}

// wantFiles finds leftovers: a temporary file would hold a key.
func wantFiles(t *testing.T, dir string, want int) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
		t.Errorf("folder has %v, %v; want %d files", entries, err, want)
	}
}

func TestCreateRace(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "master.key")
		var wg sync.WaitGroup
		rings := make([]*Keyring, 8)
		for i := range rings {
			wg.Go(func() {
				ring, err := LoadOrCreateFile(path)
				if err != nil {
					t.Error(err)
				}
				rings[i] = ring
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, ring := range rings[1:] {
			if ring.Stale(rings[0].Seal(nil, "")) {
				t.Fatal("two starts at once got two keys")
			}
		}
		wantFiles(t, filepath.Dir(path), 1)
	}
}

func TestCreateExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := createExclusive(path); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	if err := createExclusive(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second time: %v", err)
	}
	if after, _ := os.ReadFile(path); len(after) != 65 || !bytes.Equal(before, after) {
		t.Error("the key was replaced or is not whole")
	}
	if _, err := LoadFile(path); err != nil {
		t.Error(err)
	}
}

// Checklist item 61: a key that others may read is no key.
func TestLoadFileRefuses_Item61(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits")
	}
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(testKey(1))), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o604: false, 0o602: false, 0o640: false, 0o644: false, 0o660: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadFile(path); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if _, err := LoadOrCreateFile(path); (err == nil) != ok {
			t.Errorf("LoadOrCreateFile, mode %04o: %v", mode, err)
		}
	}
	if _, err := LoadFile(t.TempDir()); err == nil {
		t.Error("a folder was loaded")
	}
}
