//! Whether what a batch was fetched from is still the topic that its position is
//! about, asked before the batch is committed.
//!
//! A topic that is deleted and made again keeps its name, and librdkafka goes on
//! at the same offset of the new log. So a look that begins after a batch's last
//! record has arrived, and finds the id that the position remembers, says that all
//! of the batch is of the old log. It is put to the brokers that served the
//! records: none of them knows less of the topic than it did when it served them.

use super::Cluster;
use crate::error::KafkaFault;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// The ids that brokers tell of one topic; without one where a broker tells none.
pub type SeenIds = BTreeSet<Option<String>>;

/// What a look found.
pub type Looked = Result<SeenIds, KafkaFault>;

/// Where looks are asked for.
#[derive(Debug, Clone)]
pub struct Looks(UnboundedSender<Question>);

#[derive(Debug)]
struct Question {
    topic: Arc<str>,
    brokers: Vec<i32>,
    answer: oneshot::Sender<Looked>,
}

impl Looks {
    /// Asks, from now on. A batch of markers alone names no broker: then the
    /// controller is asked.
    pub fn ask(&self, topic: &Arc<str>, brokers: &[i32]) -> oneshot::Receiver<Looked> {
        let (answer, looked) = oneshot::channel();
        let question = Question {
            topic: topic.clone(),
            brokers: match brokers {
                [] => vec![-1],
                some => some.to_vec(),
            },
            answer,
        };
        // Whoever waits hears that nobody answers any more.
        let _ = self.0.send(question);
        looked
    }
}

/// Looks, and the task that makes them.
pub fn looks(cluster: Arc<Cluster>) -> (Looks, impl Future<Output = ()> + Send) {
    let (questions, asked) = unbounded_channel();
    (Looks(questions), serve(cluster, asked))
}

/// One look answers all questions that were asked before it began.
async fn serve(cluster: Arc<Cluster>, mut asked: UnboundedReceiver<Question>) {
    let mut questions = Vec::new();
    while asked.recv_many(&mut questions, usize::MAX).await > 0 {
        let mut wanted: BTreeMap<i32, BTreeSet<Arc<str>>> = BTreeMap::new();
        for question in &questions {
            for &broker in &question.brokers {
                let topics = wanted.entry(broker).or_default();
                topics.insert(question.topic.clone());
            }
        }
        let cluster = cluster.clone();
        let looked = tokio::task::spawn_blocking(move || {
            wanted
                .into_iter()
                .map(|(broker, topics)| {
                    let topics: Vec<&str> = topics.iter().map(|t| &**t).collect();
                    (broker, cluster.topic_ids_at(broker, &topics))
                })
                .collect::<BTreeMap<_, _>>()
        })
        .await;
        let Ok(looked) = looked else { return };
        for question in questions.drain(..) {
            let ids = question.brokers.iter().map(|broker| match &looked[broker] {
                Ok(told) => told.get(&*question.topic).cloned().transpose(),
                Err(fault) => Err(fault.clone()),
            });
            // It may have given up meanwhile.
            let _ = question.answer.send(ids.collect());
        }
    }
}
