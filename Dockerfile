# Builds and runs the Chartvault server. The image has no shell tricks: the
# binary, Tesseract with its English model, and a user of its own.
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libtesseract-dev libleptonica-dev libzxing-dev pkg-config
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN go build -trimpath -o /chartvault ./cmd/chartvault

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends tesseract-ocr tesseract-ocr-eng libzxing2 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/chartvault --create-home chartvault
COPY --from=build /chartvault /usr/local/bin/chartvault
USER chartvault
VOLUME /var/lib/chartvault
ENTRYPOINT ["chartvault", "--data", "/var/lib/chartvault"]
CMD ["serve", "--passphrase-file", "/run/secrets/passphrase"]
