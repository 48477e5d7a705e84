package rest

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// compare is how an operator makes sure that a fingerprint is the peer's, and not that of somebody in between.
const compare = "compare it on the peer itself with what `openssl x509 -in CERTIFICATE -noout -fingerprint -sha256` prints"

// Mend says in one sentence how to mend a failure of TLS or of the way there, or one that says so itself by a method Mend;
// "" if err is none. at is where the peer's settings stand in the config, as "systems.misp"; the keys to set are below it.
func Mend(err error, at string) string {
	key := func(name string) string { return strings.TrimPrefix(at+"."+name, ".") }
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var pin *pinError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("its certificate is signed by a CA that this machine does not know: set %s to that CA's file (PEM), or set %s to %s: %s",
			key("tls.ca"), key("tls.sha256"), shown(err), compare)
	case errors.As(err, &name):
		return fmt.Sprintf("its certificate is for another name%s: set %s to a name in it, or set %s to %s: %s",
			names(name.Certificate), key("tls.server_name"), key("tls.sha256"), shown(err), compare)
	case errors.As(err, &invalid):
		return "its certificate is not valid now (expired, or the clocks differ), or not for a server: renew it"
	case errors.As(err, &pin):
		return fmt.Sprintf("the peer shows another certificate than %s pins. If it was renewed on purpose, set the new fingerprint: %s", key("tls.sha256"), compare)
	case err == nil:
		return ""
	}
	if known, is := errors.AsType[mender](err); is {
		return known.Mend()
	}
	return mendByText(err, key)
}

// mender is an error that knows what an operator does about it.
type mender interface {
	error
	Mend() string
}

// mendByText is for what the standard library has no type for.
func mendByText(err error, key func(string) string) string {
	text := err.Error()
	var network *net.OpError
	switch {
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "remote error: tls: bad certificate"),
		strings.Contains(text, "remote error: tls: unknown certificate authority"):
		return fmt.Sprintf("it asks for a certificate of ours that it knows: set %s and %s to one that its CA signed", key("client_cert"), key("client_key"))
	case strings.Contains(text, "server gave HTTP response to HTTPS client"), strings.Contains(text, "first record does not look like a TLS handshake"):
		return "it speaks no TLS there: correct the port, or let it speak TLS"
	case errors.As(err, &network) && network.Op == "proxyconnect":
		return "the proxy that HTTPS_PROXY names does not let us through: correct it, or add the host to NO_PROXY"
	}
	return ""
}

// shown is the fingerprint of the certificate that the peer showed.
func shown(err error) string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		return fmt.Sprintf("%x", sha256.Sum256(verification.UnverifiedCertificates[0].Raw))
	}
	return "its fingerprint"
}

// names are those that a certificate is for, the first few.
func names(certificate *x509.Certificate) string {
	if certificate == nil {
		return ""
	}
	list := certificate.DNSNames
	for _, ip := range certificate.IPAddresses {
		list = append(list, ip.String())
	}
	if len(list) == 0 {
		return " (it names none)"
	}
	return fmt.Sprintf(" (it names %.120s)", strings.Join(list[:min(len(list), 5)], ", "))
}
