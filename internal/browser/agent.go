package browser

import "strings"

// What a User-Agent mentions, and what people call that; the first that fits counts, for most browsers mention others.
var (
	browserNames = [][2]string{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"Chrome", "Chrome"}, {"Safari", "Safari"},
	}
	systemNames = [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "Mac"}, {"CrOS", "ChromeOS"},
		{"Linux", "Linux"},
	}
)

// AgentName is what people call the browser of a User-Agent, and where it runs: "Firefox, Linux". An unusual one is
// shown as it is.
func AgentName(agent string) string {
	name, system := called(agent, browserNames), called(agent, systemNames)
	switch {
	case name == "":
		return agent
	case system == "":
		return name
	}
	return name + ", " + system
}

func called(agent string, names [][2]string) string {
	for _, n := range names {
		if strings.Contains(agent, n[0]) {
			return n[1]
		}
	}
	return ""
}
