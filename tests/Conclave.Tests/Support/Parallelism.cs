// most of them wait, for deadlines and for each other, which takes no processor
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
