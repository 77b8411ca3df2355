package s3blob

import (
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func (c Config) credentials() *credentials.Credentials {
	if c.Credentials == nil {
		return credentials.NewStaticV4(c.AccessKey, c.SecretKey, "")
	}
	return credentials.New(&rotating{c})
}

// rotating implements minio-go's source of credentials.
type rotating struct{ c Config }

func (r *rotating) Retrieve() (credentials.Value, error) {
	access, secret, err := r.c.Credentials()
	return credentials.Value{AccessKeyID: access, SecretAccessKey: secret, SignerType: credentials.SignatureV4}, err
}

// RetrieveWithCredContext is Retrieve; it asks no server.
func (r *rotating) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return r.Retrieve()
}

func (r *rotating) IsExpired() bool { return r.c.Changed() }
