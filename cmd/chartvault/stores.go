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
	sc, watch, err := c.s3()
	if err != nil {
		return nil, nil, err
	}
	docs, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	// Keys must be destroyable at once: never versioned, never locked.
	sc.Bucket, sc.Versioned = c.Storage.S3.KeysBucket, false
	watch(&sc)
	ks, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return steady.New(docs, steady.Default()), keys.Places{steady.New(ks, steady.Default())}, nil
}

// stationStores opens the stores a station puts down in. It may do nothing else
// there, so that nothing is looked at.
func (c *config) stationStores(ctx context.Context) (blob.Store, []blob.Store, error) {
	s := c.Storage.S3
	if s == nil {
		docs, places, err := c.stores(ctx)
		return docs, places, err
	}
	sc, watch, err := c.s3()
	if err != nil {
		return nil, nil, err
	}
	sc.PutOnly = true
	docs, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	sc.Bucket = s.KeysBucket
	watch(&sc)
	ks, err := s3blob.Open(ctx, sc)
	if err != nil {
		return nil, nil, err
	}
	return docs, []blob.Store{ks}, nil
}

// s3 is the configuration of the documents bucket. Each store that is opened
// notices by itself that the credentials change: watch prepares it to.
func (c *config) s3() (_ s3blob.Config, watch func(*s3blob.Config), err error) {
	s := c.Storage.S3
	sc := s3blob.Config{Endpoint: s.Endpoint, Region: s.Region, Bucket: s.Bucket, PlainHTTP: s.PlainHTTP, Versioned: true, Governance: s.Governance}
	watch = func(sc *s3blob.Config) {
		f := &credentialsFile{name: c.path(s.CredentialsFile)}
		sc.Credentials, sc.Changed = f.read, f.changed
	}
	if watch(&sc); s.CAFile != "" {
		sc.CAFile = c.path(s.CAFile)
	}
	_, _, err = sc.Credentials()
	return sc, watch, err
}

// catalogue opens the catalogue; without secrets only its clear columns.
// With them this machine is one of the servers on it, where there may be several.
func (c *config) catalogue(ctx context.Context, secrets catalog.Secrets, station *keys.Station) (*catalog.DB, error) {
	local, server := station.LocalKey(), ""
	if secrets != nil {
		server = station.ID()
	}
	if c.Catalogue.Engine == "postgres" {
		dsn, err := secretFile(c.path(c.Catalogue.DSNFile))
		if err != nil {
			return nil, fmt.Errorf("catalogue.dsn_file: %w", err)
		}
		return postgres.Open(ctx, dsn[0], secrets, local, server)
	}
	return sqlite.Open(ctx, c.path("catalogue.db"), secrets, local)
}
