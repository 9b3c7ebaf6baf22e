package tlscert

import (
	"net"
	"strings"
)

// Names are the names and addresses that an [Authority] signs for: localhost and all below it, loopback, and the
// address by which Android's emulator reaches this machine, besides what the members say.
type Names struct {
	// Public is the host of the server's public URL, a name or an address; it may be empty.
	Public string
	// AWS adds the host names of Amazon Cognito itself, for clients whose endpoint cannot be changed but by DNS.
	AWS bool
}

const emulator = "10.0.2.2"

// usual are the hosts of the certificate for clients that name none.
func (n Names) usual() []string {
	hosts := []string{"localhost", "127.0.0.1", "::1", emulator}
	if n.Public != "" && !isLocal(n.Public) {
		hosts = append(hosts, n.Public)
	}
	return hosts
}

// Allow reports whether a host is one of them. Names are in lower case.
func (n Names) Allow(host string) bool {
	switch {
	case isLocal(host):
		return true
	case net.ParseIP(host) != nil:
		return n.Public != "" && net.ParseIP(host).Equal(net.ParseIP(n.Public))
	case !isHostName(host):
		return false
	}
	return n.Public != "" && host == n.Public || n.AWS && isAWS(host)
}

func isLocal(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || host == emulator
	}
	return isHostName(host) && under(host, "localhost")
}

// under reports whether a name is a domain or below it.
func under(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// isHostName reports whether a text can be a name in a certificate: labels of letters, digits, "-" and "_".
func isHostName(text string) bool {
	if len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// awsRegions are the regions of Amazon Cognito. A list, for a constraint says what a name ends with: what is common
// to the names of several regions is common to those of other services, too.
var awsRegions = strings.Fields(`af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1
	ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-central-1 ca-west-1
	eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1
	me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2`)

func awsDomains() (out []string) {
	for _, r := range awsRegions {
		out = append(out, "cognito-idp."+r+".amazonaws.com", "cognito-identity."+r+".amazonaws.com", "auth."+r+".amazoncognito.com")
	}
	return out
}

// isAWS knows the endpoints themselves, and what is one label below the hosts of prefix domains.
func isAWS(host string) bool {
	for _, d := range awsDomains() {
		prefix, found := strings.CutSuffix(host, "."+d)
		if host == d || found && strings.HasPrefix(d, "auth.") && !strings.Contains(prefix, ".") {
			return true
		}
	}
	return false
}

// permitted is what the certificate of an authority for the names is constrained to.
func (n Names) permitted() (dns []string, networks []*net.IPNet) {
	dns = []string{"localhost"}
	for _, text := range []string{"127.0.0.0/8", "::1/128", emulator + "/32"} {
		_, network, _ := net.ParseCIDR(text) // they are constants
		networks = append(networks, network)
	}
	if n.AWS {
		dns = append(dns, awsDomains()...)
	}
	if n.Public == "" || isLocal(n.Public) {
		return dns, networks
	}
	ip := net.ParseIP(n.Public)
	if ip == nil {
		return append(dns, n.Public), networks
	}
	if v4 := ip.To4(); v4 != nil {
		ip = v4
	}
	return dns, append(networks, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
}
