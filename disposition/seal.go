package disposition

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"chartvault/record"
)

// The text of a certificate is JSON with one field a line, in the order of the
// type, between a line "{" and a line "}". Two lines follow the fields:
// "seals", which has the SHA-256 of every field's line, and "sig", an Ed25519
// signature over the line of the seals. So a changed byte is not only noticed:
// the field it stands in is named. There is one text for one certificate; any
// other spelling of the same JSON is refused.

const (
	sealsField = "seals"
	sigField   = "sig"
	sealDomain = "chartvault certificate v2\n"
)

// Seal signs a certificate and returns its text.
func Seal(c Certificate, by Signer) ([]byte, error) {
	lines, names, err := fieldLines(c)
	if err != nil {
		return nil, err
	}
	seals := sealsLine(lines, names)
	sig := by.Sign([]byte(sealDomain + seals))
	var b bytes.Buffer
	b.WriteString("{\n")
	for _, l := range lines {
		b.WriteString(l + ",\n")
	}
	b.WriteString(seals + ",\n")
	fmt.Fprintf(&b, "  %q: %q\n}\n", sigField, base64.StdEncoding.EncodeToString(sig))
	return b.Bytes(), nil
}

// fieldLines writes each field of a certificate as a line.
func fieldLines(c Certificate) (lines, names []string, err error) {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		b, err := json.Marshal(v.Field(i).Interface())
		if err != nil {
			return nil, nil, fmt.Errorf("certificate %s: %s: %w", c.Number, name, err)
		}
		lines = append(lines, fmt.Sprintf("  %q: %s", name, b))
		names = append(names, name)
	}
	return lines, names, nil
}

// sealsLine is the line with the digest of every other.
func sealsLine(lines, names []string) string {
	parts := make([]string, len(lines))
	for i, l := range lines {
		sum := sha256.Sum256([]byte(l))
		parts[i] = fmt.Sprintf("%q:%q", names[i], hex.EncodeToString(sum[:]))
	}
	return fmt.Sprintf("  %q: {%s}", sealsField, strings.Join(parts, ","))
}

// ReadCertificate verifies the text of a certificate with the public key of its
// signer and returns it. record.ErrCorrupt names every field that is not as it
// was signed. It needs nothing but the text and the key.
func ReadCertificate(text []byte, pub ed25519.PublicKey) (Certificate, error) {
	c, broken := read(text, pub)
	if len(broken) > 0 {
		return c, fmt.Errorf("certificate: %w: changed since it was signed: %s", record.ErrCorrupt, strings.Join(broken, ", "))
	}
	return c, nil
}

func read(text []byte, pub ed25519.PublicKey) (c Certificate, broken []string) {
	lines := strings.Split(string(text), "\n")
	_, names, err := fieldLines(c)
	if err != nil {
		return c, []string{err.Error()}
	}
	want := len(names) + 5 // braces, seals, signature, and nothing after the last line
	if len(lines) != want {
		return c, []string{fmt.Sprintf("the number of its lines: %d instead of %d", len(lines), want)}
	}
	if lines[0] != "{" || lines[want-2] != "}" || lines[want-1] != "" {
		broken = append(broken, "its first or last lines")
	}
	sealed, sealsOK := readSeals(lines[want-4], names)
	if !sealsOK {
		broken = append(broken, "the seals")
	}
	var body []string
	for i, name := range names {
		line, comma := strings.CutSuffix(lines[i+1], ",")
		sum := sha256.Sum256([]byte(line))
		if !comma || !strings.HasPrefix(line, fmt.Sprintf("  %q: ", name)) || sealsOK && sealed[name] != hex.EncodeToString(sum[:]) {
			broken = append(broken, name)
		}
		body = append(body, line)
	}
	if seals, comma := strings.CutSuffix(lines[want-4], ","); !comma || !signed(seals, lines[want-3], pub) {
		broken = append(broken, "the seals or the signature")
	}
	if len(broken) > 0 {
		return c, broken
	}
	d := json.NewDecoder(strings.NewReader("{" + strings.Join(body, ",") + "}"))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, []string{"a field that cannot be read"}
	}
	return c, nil
}

// readSeals reads the line of the seals, in the one spelling it may have.
func readSeals(line string, names []string) (map[string]string, bool) {
	line, comma := strings.CutSuffix(line, ",")
	var v map[string]map[string]string
	if json.Unmarshal([]byte("{"+line+"}"), &v) != nil || !comma {
		return nil, false
	}
	sealed := v[sealsField]
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%q:%q", n, sealed[n])
	}
	return sealed, line == fmt.Sprintf("  %q: {%s}", sealsField, strings.Join(parts, ","))
}

// signed verifies the signature over the line of the seals.
func signed(seals, line string, pub ed25519.PublicKey) bool {
	rest, ok := strings.CutPrefix(line, fmt.Sprintf("  %q: \"", sigField))
	b64, ok2 := strings.CutSuffix(rest, "\"")
	sig, err := base64.StdEncoding.Strict().DecodeString(b64)
	return ok && ok2 && err == nil && len(pub) == ed25519.PublicKeySize && ed25519.Verify(pub, []byte(sealDomain+seals), sig)
}

// Unseal reads a certificate's text without verifying it: to show what the
// archive's own register has.
func Unseal(text string) (Certificate, error) {
	var c Certificate
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("certificate: %w: %w", record.ErrCorrupt, err)
	}
	return c, nil
}

// CheckChain verifies that certificates of one series, in order, follow each
// other: none is missing between the first and the last.
func CheckChain(texts []string) error {
	for i := 1; i < len(texts); i++ {
		c, err := Unseal(texts[i])
		if err != nil {
			return err
		}
		if c.Previous != textDigest(texts[i-1]) {
			return fmt.Errorf("certificate %s: %w: it does not follow the one before it", c.Number, record.ErrCorrupt)
		}
	}
	return nil
}
