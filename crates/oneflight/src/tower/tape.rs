//! What was read of a request body, so that it can be sent a second time.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::intercept::UnreplayedReason;

/// How many frames of a body are kept: a body in crumbs costs more than its bytes.
const MAX_FRAMES: usize = 1024;

/// A frame that can be had twice.
#[derive(Clone)]
enum Piece {
    Data(Bytes),
    Trailers(Box<HeaderMap>),
}

impl Piece {
    /// `None`: a kind of frame that did not exist when this was written.
    fn of<D: Buf>(frame: Frame<D>) -> Option<Self> {
        match frame.into_data() {
            Ok(mut data) => Some(Self::Data(data.copy_to_bytes(data.remaining()))),
            Err(frame) => {
                let trailers = frame.into_trailers().ok()?;
                Some(Self::Trailers(Box::new(trailers)))
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(trailers) => trailers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum(),
        }
    }

    fn data_bytes(&self) -> u64 {
        match self {
            Self::Data(data) => data.len() as u64,
            Self::Trailers(_) => 0,
        }
    }

    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(*trailers),
        }
    }
}

/// A body that is recorded while it is sent. Clones share it: one is sent, the other waits for a refusal.
pub(super) struct Tape<B: Body> {
    reel: Arc<Mutex<Reel<B>>>,
    /// What the body said of its size before it was begun.
    original: SizeHint,
}

struct Reel<B: Body> {
    body: Pin<Box<B>>,
    /// All that was read; once it was too much, only what was not sent yet.
    pieces: Vec<Piece>,
    bytes: usize,
    limit_bytes: usize,
    /// How many of the pieces were handed to the first sending.
    sent: usize,
    too_long: bool,
    /// The body has come to its end, or to its error.
    ended: bool,
    /// What the body failed with, if the first sending does not know it yet.
    error: Option<B::Error>,
    failed: bool,
    /// Whom the body is to wake: the first sending.
    waker: Option<Waker>,
}

impl<B: Body> Tape<B> {
    pub(super) fn new(body: B, limit_bytes: usize) -> Self {
        Self {
            original: body.size_hint(),
            reel: Arc::new(Mutex::new(Reel {
                body: Box::pin(body),
                pieces: Vec::new(),
                bytes: 0,
                limit_bytes,
                sent: 0,
                too_long: false,
                ended: false,
                error: None,
                failed: false,
                waker: None,
            })),
        }
    }

    /// Whether it is certain, before anything was sent, that the body can be sent again.
    pub(super) fn is_bounded(&self) -> bool {
        let limit_bytes = self.reel().limit_bytes as u64;
        self.original.upper().is_some_and(|upper| upper <= limit_bytes)
    }

    /// Winds the tape back, if the whole body is on it. What the body has ready is read now; a body that has to be
    /// waited for is a stream.
    pub(super) fn rewind(&self) -> Result<Rewound, UnreplayedReason> {
        let mut reel = self.reel();
        // In the name of the first sending: if that waits for the body, it is still the one to be woken.
        let waker = reel.waker.clone();
        let mut cx = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        while !reel.ended && !reel.too_long && reel.poll_more(&mut cx).is_ready() {}
        if reel.too_long {
            return Err(UnreplayedReason::BodyTooLong);
        }
        if reel.failed || !reel.ended {
            return Err(UnreplayedReason::BodyIsAStream);
        }
        Ok(Rewound {
            pieces: reel.pieces.clone().into_iter(),
            original: self.original,
        })
    }

    /// The next frame of the first sending.
    pub(super) fn poll_frame(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut reel = self.reel();
        loop {
            if let Some(piece) = reel.next_unsent() {
                return Poll::Ready(Some(Ok(piece.into_frame())));
            }
            if reel.ended {
                return Poll::Ready(reel.error.take().map(Err));
            }
            if reel
                .waker
                .as_ref()
                .is_none_or(|waker| !waker.will_wake(cx.waker()))
            {
                reel.waker = Some(cx.waker().clone());
            }
            ready!(reel.poll_more(cx));
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let reel = self.reel();
        let all_sent = reel.sent == reel.pieces.len();
        all_sent && reel.error.is_none() && (reel.ended || reel.body.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let reel = self.reel();
        let unsent = reel.pieces[reel.sent..].iter().map(Piece::data_bytes).sum();
        longer(&reel.body.size_hint(), unsent)
    }

    /// The lock is this one request's: nothing that the body does while it is polled can want it.
    fn reel(&self) -> MutexGuard<'_, Reel<B>> {
        self.reel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body> Clone for Tape<B> {
    fn clone(&self) -> Self {
        Self {
            reel: Arc::clone(&self.reel),
            original: self.original,
        }
    }
}

impl<B: Body> Reel<B> {
    /// Reads one frame of the body onto the tape, or learns that there is none.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Some(piece) = Piece::of(frame) {
                    self.keep(piece);
                }
                self.ended = self.body.is_end_stream();
            }
            Some(Err(error)) => {
                self.error = Some(error);
                (self.ended, self.failed) = (true, true);
            }
            None => self.ended = true,
        }
        Poll::Ready(())
    }

    fn keep(&mut self, piece: Piece) {
        self.bytes = self.bytes.saturating_add(piece.bytes());
        self.pieces.push(piece);
        if self.bytes > self.limit_bytes || self.pieces.len() > MAX_FRAMES {
            self.too_long = true;
            self.pieces.drain(..mem::take(&mut self.sent));
        }
    }

    fn next_unsent(&mut self) -> Option<Piece> {
        let piece = self.pieces.get(self.sent)?.clone();
        self.sent += 1;
        if self.too_long && self.sent == self.pieces.len() {
            self.pieces.clear();
            self.sent = 0;
        }
        Some(piece)
    }
}

/// A recorded body, from its beginning.
pub(super) struct Rewound {
    pieces: std::vec::IntoIter<Piece>,
    original: SizeHint,
}

impl Rewound {
    pub(super) fn next_frame(&mut self) -> Option<Frame<Bytes>> {
        let piece = self.pieces.next()?;
        self.original = shorter(&self.original, piece.data_bytes());
        Some(piece.into_frame())
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty()
    }

    /// As the original said it: an exact length would have the transport leave out the trailers.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.original
    }
}

fn longer(hint: &SizeHint, by: u64) -> SizeHint {
    let mut longer = SizeHint::new();
    longer.set_lower(hint.lower().saturating_add(by));
    if let Some(upper) = hint.upper() {
        longer.set_upper(upper.saturating_add(by));
    }
    longer
}

fn shorter(hint: &SizeHint, by: u64) -> SizeHint {
    let mut shorter = SizeHint::new();
    shorter.set_lower(hint.lower().saturating_sub(by));
    if let Some(upper) = hint.upper() {
        shorter.set_upper(upper.saturating_sub(by));
    }
    shorter
}
