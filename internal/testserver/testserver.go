// Package testserver starts the real servers tests run against: an S3 server
// (versitygw, built from the tools module by "make tools") over TLS, and
// PostgreSQL. They listen on loopback, live as long as the test, and are
// stopped by their process.
package testserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is a running S3 server.
type S3 struct {
	Endpoint  string // host:port
	AccessKey string
	SecretKey string
	CAFile    string // PEM of its certificate
	Root      string // the directory its buckets lie in
}

// StartS3 runs versitygw with versioning.
func StartS3(t testing.TB) S3 {
	t.Helper()
	bin := tool(t, "versitygw")
	dir := t.TempDir()
	s := S3{AccessKey: "testaccess", SecretKey: "testsecret12345", CAFile: filepath.Join(dir, "cert.pem"), Root: filepath.Join(dir, "root")}
	key := filepath.Join(dir, "key.pem")
	certificate(t, s.CAFile, key)
	for _, d := range []string{s.Root, filepath.Join(dir, "versions"), filepath.Join(dir, "iam")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.Endpoint = "127.0.0.1:" + strconv.Itoa(FreePort(t))
	run(t, bin, nil, "--quiet", "--access", s.AccessKey, "--secret", s.SecretKey, "--port", s.Endpoint, "--cert", s.CAFile, "--key", key, "--iam-dir", filepath.Join(dir, "iam"),
		"posix", "--versioning-dir", filepath.Join(dir, "versions"), s.Root)
	await(t, s.Endpoint)
	return s
}

// Putter makes an account that may put objects under a prefix of each bucket,
// and nothing else.
func (s S3) Putter(t testing.TB, account, secret, prefix string, buckets ...string) {
	t.Helper()
	c := exec.Command(tool(t, "versitygw"), "admin", "--access", s.AccessKey, "--secret", s.SecretKey, "--endpoint-url", "https://"+s.Endpoint, "--allow-insecure",
		"create-user", "--access", account, "--secret", secret, "--role", "user")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make an S3 account: %v\n%s", err, out)
	}
	mc, err := minio.New(s.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Secure: true, BucketLookup: minio.BucketLookupPath,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}) // loopback, a test's own certificate
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":[%q]},"Action":["s3:PutObject"],"Resource":["arn:aws:s3:::%s/%s*"]}]}`, account, b, prefix)
		if err := mc.SetBucketPolicy(t.Context(), b, policy); err != nil {
			t.Fatalf("policy of bucket %s: %v", b, err)
		}
	}
}

// StartPostgres runs PostgreSQL and returns a connection string to an empty
// database.
func StartPostgres(t testing.TB) string {
	t.Helper()
	bins, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(bins) == 0 {
		t.Fatal("PostgreSQL is not installed: apt-get install postgresql")
	}
	bin := filepath.Dir(bins[len(bins)-1])
	dir, err := os.MkdirTemp("", "cvpg") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cred := postgresUser(t, dir)
	data := filepath.Join(dir, "data")
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync")
	init.SysProcAttr = cred
	init.Dir = dir
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := FreePort(t)
	run(t, filepath.Join(bin, "postgres"), cred, "-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", dir, "-c", "fsync=off")
	addr := "127.0.0.1:" + strconv.Itoa(port)
	await(t, addr)
	// It listens before it answers: ask until it does.
	ready := filepath.Join(bin, "pg_isready")
	for end := time.Now().Add(30 * time.Second); exec.Command(ready, "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("PostgreSQL on %s does not get ready", addr)
		}
	}
	return fmt.Sprintf("postgres://test@%s/postgres?sslmode=disable", addr)
}

// postgresUser returns the attributes to start PostgreSQL with: it refuses to
// run as root.
func postgresUser(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatalf("the user postgres is missing: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid) // a number on Linux
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// tool finds a program of the tools module.
func tool(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	p := filepath.Join(filepath.Dir(here), "..", "..", ".cache", "bin", name)
	if _, err := os.Stat(p); err != nil {
		t.Fatalf("%s is not built: run \"make tools\"", name)
	}
	return p
}

// Age returns the stock age program.
func Age(t testing.TB) string { return tool(t, "age") }

func run(t testing.TB, bin string, attr *syscall.SysProcAttr, args ...string) {
	t.Helper()
	var out bytes.Buffer
	c := exec.Command(bin, args...)
	c.Stdout, c.Stderr = &out, &out
	if attr == nil {
		attr = &syscall.SysProcAttr{}
	}
	attr.Pdeathsig = syscall.SIGKILL
	c.SysProcAttr = attr
	c.Dir = "/"
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGINT)
		k := time.AfterFunc(5*time.Second, func() { c.Process.Kill() })
		c.Wait()
		k.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(bin), out.String())
		}
	})
}

// FreePort returns a loopback port that nobody listens on.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func await(t testing.TB, addr string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("nothing listens on %s", addr)
}

// certificate makes a self-signed certificate for loopback.
func certificate(t testing.TB, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	kder, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: kder}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
