//! The types of `async-openai` in place of JSON: its requests in, its answers out, the same governance between.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_openai::types::chat::{
    CreateChatCompletionRequest, CreateChatCompletionResponse, CreateChatCompletionStreamResponse,
};
use async_openai::types::embeddings::{CreateEmbeddingRequest, CreateEmbeddingResponse};
use async_openai::types::responses::{CreateResponse, Response, ResponseStreamEvent};
use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{Answer, Finished};
use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::error::LlmError;
use crate::stream::LlmStream;

/// With the feature `async-openai`.
impl Call {
    /// A chat completion, as `Client::chat().create()` of `async-openai` makes it.
    ///
    /// # Errors
    /// As for [`send`](Self::send); [`LlmError::Unreadable`] where the answer is not of this type: the call is settled by its usage then.
    ///
    /// ```no_run
    /// use async_openai::types::chat::{ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs};
    /// # async fn example(call: security_llm::Call) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = CreateChatCompletionRequestArgs::default()
    ///     .model("gpt-4o")
    ///     .messages([ChatCompletionRequestUserMessage::from("Hello").into()])
    ///     .build()?;
    /// let answer = call.create_chat(&request).await?;
    /// println!("{:?}", answer.body.choices.first());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_chat(
        self,
        request: &CreateChatCompletionRequest,
    ) -> Result<Answer<CreateChatCompletionResponse>, LlmError> {
        self.typed(Endpoint::ChatCompletions, request).await
    }

    /// A chat completion that streams, as `Client::chat().create_stream()` makes it.
    ///
    /// # Errors
    /// As for [`stream`](Self::stream).
    pub async fn create_chat_stream(
        self,
        request: &CreateChatCompletionRequest,
    ) -> Result<TypedStream<CreateChatCompletionStreamResponse>, LlmError> {
        let stream = self.stream(Endpoint::ChatCompletions, json(request)?);
        Ok(TypedStream::new(stream.await?))
    }

    /// A response, as `Client::responses().create()` makes it.
    ///
    /// # Errors
    /// As for [`create_chat`](Self::create_chat).
    pub async fn create_response(
        self,
        request: &CreateResponse,
    ) -> Result<Answer<Response>, LlmError> {
        self.typed(Endpoint::Responses, request).await
    }

    /// A response that streams, as `Client::responses().create_stream()` makes it.
    ///
    /// # Errors
    /// As for [`stream`](Self::stream).
    pub async fn create_response_stream(
        self,
        request: &CreateResponse,
    ) -> Result<TypedStream<ResponseStreamEvent>, LlmError> {
        let stream = self.stream(Endpoint::Responses, json(request)?);
        Ok(TypedStream::new(stream.await?))
    }

    /// Embeddings, as `Client::embeddings().create()` makes them.
    ///
    /// # Errors
    /// As for [`create_chat`](Self::create_chat).
    pub async fn create_embedding(
        self,
        request: &CreateEmbeddingRequest,
    ) -> Result<Answer<CreateEmbeddingResponse>, LlmError> {
        self.typed(Endpoint::Embeddings, request).await
    }

    async fn typed<T: DeserializeOwned>(
        self,
        endpoint: Endpoint,
        request: &impl Serialize,
    ) -> Result<Answer<T>, LlmError> {
        self.send(endpoint, json(request)?).await?.read()
    }
}

fn json(request: &impl Serialize) -> Result<Value, LlmError> {
    serde_json::to_value(request).map_err(|error| LlmError::Request(error.to_string()))
}

/// An [`LlmStream`] whose events are of one type. An event that is not is told as [`LlmError::Unreadable`], and the stream goes on.
#[must_use = "a stream that nobody reads is aborted, and paid for"]
pub struct TypedStream<T> {
    events: LlmStream,
    of: PhantomData<fn() -> T>,
}

impl<T> TypedStream<T> {
    fn new(events: LlmStream) -> Self {
        Self {
            events,
            of: PhantomData,
        }
    }

    /// As [`LlmStream::finish`].
    ///
    /// # Errors
    /// As there.
    pub async fn finish(self) -> Result<Finished, LlmError> {
        self.events.finish().await
    }
}

impl<T: DeserializeOwned> Stream for TypedStream<T> {
    type Item = Result<T, LlmError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(Pin::new(&mut self.get_mut().events).poll_next(cx));
        Poll::Ready(
            event.map(|event| serde_json::from_value(event?.data).map_err(LlmError::Unreadable)),
        )
    }
}

impl<T> fmt::Debug for TypedStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedStream").finish_non_exhaustive()
    }
}
