package scripttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// importHeader keeps the header of a file for ${pool}.
func (s *Script) importHeader() {
	s.Helper()
	_, out := s.Call("GetCSVHeader", fmt.Sprintf(`{"UserPoolId":%q}`, s.Kept["pool"]), true)
	var answer struct{ CSVHeader []string }
	if err := json.Unmarshal(out, &answer); err != nil || len(answer.CSVHeader) == 0 {
		s.Fatalf("%s: no header: %s", s.where, out)
	}
	s.Kept["header"] = strings.Join(answer.CSVHeader, ",")
	s.Kept["none"] = strings.Repeat(",", len(answer.CSVHeader)-1)
}

// put uploads lines to a link.
func (s *Script) put(link, status string, lines []string) {
	s.Helper()
	r, err := http.NewRequest(http.MethodPut, link, strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("x-amz-server-side-encryption", "aws:kms")
	code, out := s.send(r)
	if strconv.Itoa(code) != status {
		s.Errorf("%s: the upload got %d %s, want %s", s.where, code, out, status)
	}
}

func (s *Script) send(r *http.Request) (status int, out []byte) {
	s.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	if out, err = io.ReadAll(answer.Body); err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, out
}

// waitImport waits until a job is over and keeps its log.
func (s *Script) waitImport(job string) {
	s.Helper()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
		_, out := s.Call("DescribeUserImportJob", fmt.Sprintf(`{"UserPoolId":%q,"JobId":%q}`, s.Kept["pool"], job), true)
		var answer struct {
			UserImportJob struct {
				CompletionDate    float64
				CompletionMessage string
			}
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			s.Fatalf("%s: %s", s.where, out)
		}
		if answer.UserImportJob.CompletionDate == 0 {
			continue
		}
		_, link, _ := strings.Cut(answer.UserImportJob.CompletionMessage, " Log: ")
		r, err := http.NewRequest(http.MethodGet, link, nil)
		if err != nil {
			s.Fatal(err)
		}
		status, log := s.send(r)
		if status != http.StatusOK {
			s.Fatalf("%s: the log got %d %s", s.where, status, log)
		}
		s.Kept["log"] = strings.ReplaceAll(string(log), "\n", "|")
		return
	}
	s.Fatalf("%s: the job is not over", s.where)
}
