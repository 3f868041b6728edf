//! A request, in no client's terms.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};

/// A body whose chunks come one by one.
pub type Chunks = Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>;

/// What a request carries.
pub enum Payload {
    /// Nothing.
    Empty,
    /// Bytes that are all there.
    Bytes(Bytes),
    /// A stream, of which the client knows neither length nor end.
    Stream(Chunks),
}

/// A request.
pub struct Req {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Payload,
    /// What it says to interceptors.
    pub extensions: Extensions,
}

impl Req {
    /// A request without a body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Payload::Empty,
            extensions: Extensions::new(),
        }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::GET, url)
    }

    /// A `POST` of bytes.
    pub fn post(url: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            body: Payload::Bytes(body.into()),
            ..Self::new(Method::POST, url)
        }
    }

    /// A `POST` of a stream of chunks.
    pub fn post_stream(url: impl Into<String>, chunks: Vec<Bytes>) -> Self {
        Self {
            body: Payload::Stream(Box::pin(stream::iter(chunks))),
            ..Self::new(Method::POST, url)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.headers.append(HeaderName::from_static(name), value);
        self
    }

    /// Tells the server's log which requests belong together.
    #[must_use]
    pub fn id(self, id: impl ToString) -> Self {
        let id = id.to_string();
        self.header("x-request-id", &id)
    }

    /// Says something to interceptors.
    #[must_use]
    pub fn with(mut self, extension: impl Clone + Send + Sync + 'static) -> Self {
        self.extensions.insert(extension);
        self
    }
}
