//! One question about each of many things: a few of them are on their way at once, for a CRM that answers in a tenth of a
//! second would take a quarter of an hour for ten thousand customers. What an answer means, and what becomes of one that
//! failed, is judged in its turn, as if it had been asked for then.

use std::sync::Arc;

use serde_json::Value;

use crate::collection::Collection;
use crate::error::FetchError;
use crate::filter::Shape;
use crate::http::Ask;
use crate::run::{Run, now_seconds};
use crate::select::Selection;

impl Run<'_> {
    /// Reads and records one collection for each of several questions, which have a body each: by the name of the recording,
    /// the variables. In their order, whatever the order of the answers.
    pub async fn collect_each(
        &mut self,
        collection: &Collection,
        questions: &[(String, Value)],
    ) -> Result<(), FetchError> {
        for some in questions.chunks(4) {
            self.ask_ahead(collection, some).await;
            for (name, variables) in some {
                self.collect_as(collection, name, variables.clone()).await?;
            }
        }
        Ok(())
    }

    /// Four at most.
    async fn ask_ahead(&mut self, collection: &Collection, some: &[(String, Value)]) {
        // A pass that cannot be made is a failure of the question whose turn it is.
        if (self.expires).is_some_and(|expires| now_seconds() + 30 >= expires)
            && self.authenticate().await.is_err()
        {
            return;
        }
        let asks: Vec<Ask> = (some.iter())
            .filter_map(|(_, variables)| self.request(collection, 1, 0, variables).ok())
            .collect();
        let shape = Arc::new(Shape::Object(Selection::of(collection.keep)));
        let (run, shape) = (&*self, &shape);
        let one = |at: usize| {
            let ask = asks.get(at);
            async move {
                let ask = ask?;
                let (_, body) = ask.body.as_ref()?;
                let answered = run.http.ask(&|| run.passed(ask), shape).await;
                Some((body.clone(), answered))
            }
        };
        let (a, b, c, d) = tokio::join!(one(0), one(1), one(2), one(3));
        self.ahead = [a, b, c, d].into_iter().flatten().collect();
    }
}
