//! One connection, and how it is made.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{
    MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo,
};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline,
    ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, RedisError, RedisFuture, RedisResult,
    TlsMode, Value,
};
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::time::timeout;

use super::address::{Address, Kind};
use super::line::Noticed;

/// How long connecting to one server may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long it may take until it is known where to connect to, and that is done.
const FIND: Duration = Duration::from_secs(5);
/// How often a cluster is asked again by itself, because a key has moved or a server was lost. Asked
/// again after a loss, a script may find its own work done.
const RETRIES: u32 = 3;

/// A connection; a clone is the same one.
#[derive(Clone)]
pub(super) enum Wire {
    /// To one server.
    Single(MultiplexedConnection),
    /// To all servers of a cluster.
    Cluster(ClusterConnection),
}

impl Wire {
    /// Asks any server that has keys, where the answer is not about a key.
    pub(super) async fn any(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Wire::Single(single) => single.req_packed_command(command).await,
            Wire::Cluster(cluster) => {
                let any = RoutingInfo::SingleNode(SingleNodeRoutingInfo::RandomPrimary);
                cluster.route_command(command.clone(), any).await
            }
        }
    }

    /// Whether everybody is there who has keys.
    pub(super) async fn answers(mut self, patience: Duration) -> bool {
        let ping = redis::cmd("PING");
        let asked = async {
            match &mut self {
                Wire::Single(_) => self.any(&ping).await,
                // One that is silent is enough to be without its keys.
                Wire::Cluster(cluster) => {
                    let all = MultipleNodeRoutingInfo::AllMasters;
                    let all = RoutingInfo::MultiNode((all, Some(ResponsePolicy::AllSucceeded)));
                    cluster.route_command(ping, all).await
                }
            }
        };
        matches!(timeout(patience, asked).await, Ok(Ok(_)))
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Wire::Single(single) => single.req_packed_command(command),
            Wire::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Wire::Single(single) => single.req_packed_commands(commands, offset, count),
            Wire::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Wire::Single(single) => single.get_db(),
            Wire::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// Makes connections.
pub(super) struct Connector {
    address: Address,
    noticed: WeakUnboundedSender<Noticed>,
    /// The sentinels, without a password and with that of the servers: some have one, some refuse one.
    sentinels: Vec<SentinelClient>,
}

impl Connector {
    /// Whoever is told hears when a connection was closed.
    pub(super) fn new(
        address: &Address,
        noticed: WeakUnboundedSender<Noticed>,
    ) -> RedisResult<Connector> {
        let sentinels = match &address.kind {
            Kind::Sentinel(master) => {
                let with = if address.password.is_some() { &[false, true][..] } else { &[false] };
                with.iter()
                    .map(|with| sentinels(address, master, *with))
                    .collect::<Result<_, _>>()?
            }
            _ => Vec::new(),
        };
        Ok(Connector { address: address.clone(), noticed, sentinels })
    }

    /// Makes the n-th connection.
    pub(super) async fn connect(&mut self, number: u64) -> RedisResult<Wire> {
        let Connector { address, noticed, sentinels } = self;
        let noticed = noticed.clone();
        // Version 3 of the protocol tells when a connection is closed while nobody asks anything.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| -> Result<(), ()> {
                if push.kind == PushKind::Disconnection
                    && let Some(noticed) = noticed.upgrade()
                {
                    let _ = noticed.send(Noticed::Lost(number));
                }
                Ok(())
            });
        let connecting = async {
            match &address.kind {
                Kind::Single => {
                    let [server] = &servers(address)[..] else { return Err(nobody()) };
                    let client = Client::open(
                        server.clone().into_connection_info()?.set_redis_settings(login(address)),
                    )?;
                    let wire = client.get_multiplexed_async_connection_with_config(&config);
                    Ok(Wire::Single(wire.await?))
                }
                Kind::Cluster => Ok(Wire::Cluster(cluster(address).await?)),
                Kind::Sentinel(_) => {
                    let client = master(sentinels).await?;
                    let wire = client.get_multiplexed_async_connection_with_config(&config);
                    Ok(Wire::Single(wire.await?))
                }
            }
        };
        timeout(FIND, connecting).await.unwrap_or_else(|_| Err(nobody()))
    }
}

/// Who nobody answers for.
fn nobody() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "nobody answers").into()
}

fn servers(address: &Address) -> Vec<ConnectionAddr> {
    let server = |(host, port): &(String, u16)| match address.tls {
        true => ConnectionAddr::TcpTls {
            host: host.clone(),
            port: *port,
            insecure: false,
            tls_params: None,
        },
        false => ConnectionAddr::Tcp(host.clone(), *port),
    };
    address.hosts.iter().map(server).collect()
}

fn login(address: &Address) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_db(address.database)
        .set_lib_name("docent", env!("CARGO_PKG_VERSION"));
    if let Some(name) = &address.name {
        login = login.set_username(name);
    }
    if let Some(password) = &address.password {
        login = login.set_password(password);
    }
    login
}

async fn cluster(address: &Address) -> RedisResult<ClusterConnection> {
    let servers = servers(address)
        .into_iter()
        .map(|server| Ok(server.into_connection_info()?.set_redis_settings(login(address))));
    let mut builder = ClusterClientBuilder::new(servers.collect::<RedisResult<Vec<_>>>()?)
        .use_protocol(ProtocolVersion::RESP3)
        .connection_timeout(CONNECT)
        .overall_response_timeout(None)
        .retries(RETRIES);
    if address.tls {
        builder = builder.tls(TlsMode::Secure);
    }
    builder.build()?.get_async_connection().await
}

/// Those who know where the master is. They have the password of the servers, or none.
fn sentinels(address: &Address, master: &str, with: bool) -> RedisResult<SentinelClient> {
    let servers = servers(address);
    let mut builder = SentinelClientBuilder::new(servers, master, SentinelServerType::Master)?
        .set_client_to_redis_db(address.database)
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if address.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(name) = &address.name {
        builder = builder.set_client_to_redis_username(name);
    }
    if let Some(password) = &address.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if with {
        if let Some(name) = &address.name {
            builder = builder.set_client_to_sentinel_username(name);
        }
        if let Some(password) = &address.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
    }
    builder.build()
}

/// Where the master is, as the first sentinel says that lets in.
async fn master(sentinels: &mut [SentinelClient]) -> RedisResult<Client> {
    let mut refused = None;
    for sentinel in sentinels {
        match sentinel.async_get_client().await {
            Ok(client) => return Ok(client),
            // Of two answers the first is the better one, unless it is that a password is missing.
            Err(error) if error.code() == Some("NOAUTH") => refused = Some(error),
            Err(error) => return Err(refused.unwrap_or(error)),
        }
    }
    Err(refused.unwrap_or_else(|| (ErrorKind::EmptySentinelList, "there are no sentinels").into()))
}
