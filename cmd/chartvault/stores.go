package main

import (
	"context"
	"fmt"

	"chartvault/archive/blob"
	"chartvault/archive/blob/fsblob"
	"chartvault/archive/blob/s3blob"
	"chartvault/archive/blob/steady"
	"chartvault/archive/keys"
	"chartvault/catalog"
	"chartvault/catalog/postgres"
	"chartvault/catalog/sqlite"
)

// stores opens the documents store and the keys places.
func (c *config) stores(ctx context.Context) (blob.Store, keys.Places, error) {
	if c.Storage.S3 != nil {
		return c.s3Stores(ctx)
	}
	docs, err := fsblob.New(c.path(c.Storage.Objects))
	if err != nil {
		return nil, nil, err
	}
	var places keys.Places
	for _, k := range c.Storage.Keys {
		s, err := fsblob.New(c.path(k))
		if err != nil {
			return nil, nil, err
		}
		places = append(places, s)
	}
	return docs, places, nil
}

func (c *config) s3Stores(ctx context.Context) (blob.Store, keys.Places, error) {
	s := c.Storage.S3
	sc := s3blob.Config{Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, PlainHTTP: s.PlainHTTP, Versioned: true, Governance: s.Governance}
	watch := func() *credentialsFile { // each store notices a change by itself
		f := &credentialsFile{name: c.path(s.CredentialsFile)}
		sc.Credentials, sc.Changed = f.read, f.changed
		return f
	}
	if _, _, err := watch().read(); err != nil {
		return nil, nil, err
	}
	if s.CAFile != "" {
		sc.CAFile = c.path(s.CAFile)
	}
	docs, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	// Keys must be destroyable at once: never versioned, never locked.
	sc.Bucket, sc.Versioned = s.KeysBucket, false
	watch()
	ks, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return steady.New(docs, steady.Default()), keys.Places{steady.New(ks, steady.Default())}, nil
}

// catalogue opens the catalogue; without secrets only its clear columns.
func (c *config) catalogue(ctx context.Context, secrets catalog.Secrets, local []byte) (*catalog.DB, error) {
	if c.Catalogue.Engine == "postgres" {
		dsn, err := secretFile(c.path(c.Catalogue.DSNFile))
		if err != nil {
			return nil, fmt.Errorf("catalogue.dsn_file: %w", err)
		}
		return postgres.Open(ctx, dsn[0], secrets, local)
	}
	return sqlite.Open(ctx, c.path("catalogue.db"), secrets, local)
}
