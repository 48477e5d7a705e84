package embedded

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
)

const (
	clusterName = "active"
	// historyShards is fixed for the life of a database.
	historyShards = 4
	joinWithin    = 30 * time.Second
)

// store is where the cluster keeps its state: executions and visibility, which SQLite keeps in one file.
type store struct{ executions, visibility *config.SQL }

// services are the four parts of a cluster.
func services() []primitives.ServiceName {
	return []primitives.ServiceName{primitives.FrontendService, primitives.HistoryService, primitives.MatchingService, primitives.WorkerService}
}

// config is what the server would read from its file. Only loopback addresses stand in it.
func (o Options) config(ctx context.Context, s store) (*config.Config, error) {
	frontend := net.JoinHostPort(o.Address, strconv.Itoa(o.Port))
	var c config.Config
	c.Global.Membership.MaxJoinDuration = joinWithin
	c.Global.Membership.BroadcastAddress = o.Address
	c.Persistence = config.Persistence{
		DefaultStore: "executions", VisibilityStore: "visibility", NumHistoryShards: historyShards,
		DataStores: map[string]config.DataStore{"executions": {SQL: s.executions}, "visibility": {SQL: s.visibility}},
	}
	c.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
			Enabled: true, InitialFailoverVersion: 1, RPCAddress: frontend, ClusterID: uuid.NewString(),
		}},
	}
	c.DCRedirectionPolicy.Policy = "noop"
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	c.PublicClient.HostPort = frontend
	c.Services = map[string]config.Service{}
	for _, name := range services() {
		part := config.Service{RPC: config.RPC{BindOnIP: o.Address, GRPCPort: o.Port}}
		if name != primitives.FrontendService {
			free, err := port(ctx, o.Address, 0)
			if err != nil {
				return nil, err
			}
			part.RPC.GRPCPort = free
		}
		c.Services[string(name)] = part
	}
	return &c, nil
}

// hosts tells each part where the others are; there is no gossip.
func hosts(c *config.Config) map[primitives.ServiceName]static.Hosts {
	out := map[primitives.ServiceName]static.Hosts{}
	for _, name := range services() {
		rpc := c.Services[string(name)].RPC
		out[name] = static.SingleLocalHost(net.JoinHostPort(rpc.BindOnIP, strconv.Itoa(rpc.GRPCPort)))
	}
	return out
}

// settings are the dynamic settings that make a cluster in one process usable, each with what was measured on two cores.
func settings() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// Queue readers load 20 times a second per shard by default, so each workflow task waits up to 50 ms: five
		// activities took 300 ms, with this 44 ms.
		dynamicconfig.TransferProcessorMaxPollRPS.Key():   2000,
		dynamicconfig.TimerProcessorMaxPollRPS.Key():      2000,
		dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): 2000,
		dynamicconfig.OutboundProcessorMaxPollRPS.Key():   2000,
		// One or two in a hundred long polls for a result miss their wake-up and sleep this out; 20 s by default.
		dynamicconfig.HistoryLongPollExpirationInterval.Key(): 2 * time.Second,
		// Lists are for people at a screen: 10 a second by default.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
		// Search attributes that are added after the first start are seen at once; that costs reads, hence the next two.
		dynamicconfig.ForceSearchAttributesCacheRefreshOnRead.Key(): true,
		dynamicconfig.FrontendPersistenceMaxQPS.Key():               10_000,
		dynamicconfig.HistoryPersistenceMaxQPS.Key():                45_000,
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():            8096,
	}
}
