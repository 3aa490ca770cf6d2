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
use crate::pace::Pace;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The topic's id as a broker tells it; `None` where it tells none.
pub type Looked = Result<Option<String>, KafkaFault>;

/// Where looks are asked for.
#[derive(Debug, Clone)]
pub struct Looks(UnboundedSender<(Option<i32>, Question)>);

#[derive(Debug)]
struct Question {
    topic: Arc<str>,
    answer: oneshot::Sender<Looked>,
}

impl Looks {
    /// Asks each broker, from now on. A batch of markers alone names none: then
    /// any one is asked.
    pub fn ask(&self, topic: &Arc<str>, brokers: &[i32]) -> Vec<oneshot::Receiver<Looked>> {
        let ask = |broker| {
            let (answer, looked) = oneshot::channel();
            let topic = topic.clone();
            // Whoever waits hears that nobody answers any more.
            let _ = self.0.send((broker, Question { topic, answer }));
            looked
        };
        match brokers {
            [] => vec![ask(None)],
            some => some.iter().map(|broker| ask(Some(*broker))).collect(),
        }
    }
}

#[cfg(test)]
impl Looks {
    /// Answered as told, by no broker. To be called within a runtime.
    pub fn answered(answer: impl Fn(Option<i32>) -> Looked + Send + 'static) -> Self {
        let (questions, mut asked) = unbounded_channel::<(Option<i32>, Question)>();
        tokio::spawn(async move {
            while let Some((broker, question)) = asked.recv().await {
                let _ = question.answer.send(answer(broker));
            }
        });
        Self(questions)
    }
}

/// Looks, and the task that makes them.
pub fn looks(cluster: Arc<Cluster>) -> (Looks, impl Future<Output = ()> + Send) {
    let (questions, asked) = unbounded_channel();
    (Looks(questions), serve(cluster, asked))
}

/// Each broker is asked beside the others: one that is down holds up nobody else's
/// batches. There are as many tasks as brokers.
async fn serve(cluster: Arc<Cluster>, mut asked: UnboundedReceiver<(Option<i32>, Question)>) {
    let mut brokers: HashMap<Option<i32>, UnboundedSender<Question>> = HashMap::new();
    let mut tasks = JoinSet::new();
    while let Some((broker, question)) = asked.recv().await {
        let lane = brokers.entry(broker).or_insert_with(|| {
            let (questions, asked) = unbounded_channel();
            tasks.spawn(ask_broker(cluster.clone(), broker, asked));
            questions
        });
        // Whoever waits hears that nobody answers any more.
        let _ = lane.send(question);
    }
}

/// Between the beginnings of looks at one broker, on the average: it describes all partitions
/// of a topic each time, of which there may be a thousand. What is asked meanwhile waits for
/// the next one, as its batch would for the next commit.
const GATHER: Duration = Duration::from_millis(20);

/// Looks that wait for nothing after a while with fewer of them.
const BURST: u32 = 5;

/// One look answers all questions that were asked before it began.
async fn ask_broker(
    cluster: Arc<Cluster>,
    broker: Option<i32>,
    mut asked: UnboundedReceiver<Question>,
) {
    let mut questions = Vec::new();
    let mut pace = Pace::new(GATHER, BURST);
    while asked.recv_many(&mut questions, usize::MAX).await > 0 {
        if let Some(due) = pace.due() {
            tokio::time::sleep_until(due.into()).await;
        }
        while let Ok(question) = asked.try_recv() {
            questions.push(question);
        }
        pace.done(Instant::now());
        let topics: BTreeSet<Arc<str>> = questions.iter().map(|q| q.topic.clone()).collect();
        let cluster = cluster.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let topics: Vec<&str> = topics.iter().map(|t| &**t).collect();
            cluster.topic_ids_at(broker, &topics)
        })
        .await;
        let Ok(looked) = looked else { return };
        for question in questions.drain(..) {
            let id = match &looked {
                Ok(told) => told.get(&*question.topic).cloned().transpose(),
                Err(fault) => Err(fault.clone()),
            };
            // It may have given up meanwhile.
            let _ = question.answer.send(id);
        }
    }
}
