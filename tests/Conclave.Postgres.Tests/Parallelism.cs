// they wait for servers and for sessions, which takes no processor
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
